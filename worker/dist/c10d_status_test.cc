#include "worker/dist/c10d_status.h"

#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>

#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

template <typename Exception>
absl::Status StatusOfThrown(const Exception& exception) {
  try {
    throw exception;
  } catch (...) {
    return CaughtStatus("AllGather", 1, 4);
  }
}

TEST(CaughtStatusTest, GloosExceptionsMeanALostPeerAndLoseTheirSourceLine) {
  const absl::Status status = StatusOfThrown(std::runtime_error(
      "[/build/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4711"));
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnavailable,
                       "rank 1 of 4 lost a peer in AllGather: Connection closed by peer [127.0.0.1]:4711"));
  EXPECT_EQ(GetReason(status), "PEER_LOST");
  EXPECT_THAT(StatusOfThrown(std::runtime_error("[1] is no source line")),
              StatusIs(absl::StatusCode::kUnavailable,
                       "rank 1 of 4 lost a peer in AllGather: [1] is no source line"));
}

TEST(CaughtStatusTest, StoresAndNetworksMeanALostPeer) {
  const c10::SourceLocation here = {__func__, __FILE__, __LINE__};
  EXPECT_EQ(GetReason(StatusOfThrown(c10::DistStoreError(here, "wait timeout"))), "PEER_LOST");
  EXPECT_EQ(GetReason(StatusOfThrown(c10::DistNetworkError(here, "connection reset"))), "PEER_LOST");
}

TEST(CaughtStatusTest, WantOfMemoryAndMisuseAreNotThePeersFault) {
  const c10::SourceLocation here = {__func__, __FILE__, __LINE__};
  EXPECT_THAT(StatusOfThrown(std::bad_alloc()), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(StatusOfThrown(c10::OutOfMemoryError(here, "no memory")),
              StatusIs(absl::StatusCode::kResourceExhausted, "rank 1 of 4 in AllGather: no memory"));
  EXPECT_THAT(StatusOfThrown(c10::Error(here, "tensors must be dense")),
              StatusIs(absl::StatusCode::kInternal, "rank 1 of 4 in AllGather: tensors must be dense"));
}

}  // namespace
}  // namespace pretext
