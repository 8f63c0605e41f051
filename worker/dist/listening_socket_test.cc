#include "worker/dist/listening_socket.h"

#include <sys/socket.h>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

TEST(ListeningSocketTest, TwoGetDifferentPorts) {
  ASSERT_OK_AND_ASSIGN(const ListeningSocket a, ListeningSocket::BindTo("127.0.0.1"));
  ASSERT_OK_AND_ASSIGN(const ListeningSocket b, ListeningSocket::BindTo("127.0.0.1"));
  EXPECT_NE(a.port(), 0);
  EXPECT_NE(a.port(), b.port());
  EXPECT_EQ(listen(a.descriptor(), 1), 0);
}

TEST(ListeningSocketTest, SaysWhatIsWrongWithAHost) {
  EXPECT_THAT(ListeningSocket::BindTo("no.such.host.invalid"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("no.such.host.invalid")));
}

TEST(HostPortTest, SplittingUndoesJoining) {
  for (const char* host : {"127.0.0.1", "node7.cluster", "::1", "fe80::1"}) {
    ASSERT_OK_AND_ASSIGN(const HostPort split, SplitHostPort(JoinHostPort(host, 41234)));
    EXPECT_EQ(split.host, host);
    EXPECT_EQ(split.port, 41234);
  }
}

TEST(HostPortTest, RefusesWhatIsNoAddress) {
  for (const char* address :
       {"", "node7", ":80", "node7:", "node7:http", "node7:0", "node7:65536", "node7:-1"}) {
    EXPECT_THAT(SplitHostPort(address), StatusIs(absl::StatusCode::kInvalidArgument)) << address;
  }
}

}  // namespace
}  // namespace pretext
