#include "worker/dist/guarded.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>

#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(GuardedTest, ReturnsTheStatusOfTheBody) {
  EXPECT_OK(Guarded([] { return absl::OkStatus(); }));
  EXPECT_THAT(Guarded([] { return absl::NotFoundError("no such file"); }),
              StatusIs(absl::StatusCode::kNotFound, "no such file"));
}

TEST(GuardedTest, AnAllocationBeyondTheMachineSaysWhatToChange) {
  const absl::Status status = Guarded([] {
    at::empty({int64_t{1} << 50});
    return absl::OkStatus();
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted,
                               AllOf(HasSubstr("out of memory"), HasSubstr("batch_size"),
                                     HasSubstr("accumulation"))));
  EXPECT_EQ(GetReason(status), "OUT_OF_MEMORY");
}

TEST(GuardedTest, EveryWayToRunOutOfMemoryIsResourceExhausted) {
  const auto code = [](auto throws) {
    return Guarded([&]() -> absl::Status {
             throws();
             return absl::OkStatus();
           })
        .code();
  };
  EXPECT_EQ(code([] { throw std::bad_alloc(); }), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code([] { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory. Tried to allocate"); }),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code([] { throw std::runtime_error("CUDNN_STATUS_ALLOC_FAILED"); }),
            absl::StatusCode::kResourceExhausted);
}

TEST(GuardedTest, LibTorchsErrorsAreInternalWithoutTheirCallStack) {
  EXPECT_THAT(Guarded([] {
                at::zeros({2}).view({3});
                return absl::OkStatus();
              }),
              StatusIs(absl::StatusCode::kInternal,
                       AllOf(HasSubstr("shape '[3]' is invalid"), Not(HasSubstr("frame #0")))));
}

TEST(GuardedTest, OtherExceptionsAreInternal) {
  EXPECT_THAT(Guarded([]() -> absl::Status { throw std::out_of_range("map::at"); }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("map::at")));
  EXPECT_THAT(Guarded([]() -> absl::Status { throw 7; }), StatusIs(absl::StatusCode::kInternal));
}

TEST(GuardedTest, AFailedCollectiveIsALostPeer) {
  const absl::Status status = Guarded([]() -> absl::Status {
    TORCH_CHECK_WITH(DistNetworkError, false, "connection reset by peer");
    return absl::OkStatus();
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("connection reset")));
  EXPECT_EQ(GetReason(status), "PEER_LOST");
}

}  // namespace
}  // namespace pretext
