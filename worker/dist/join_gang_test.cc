#include "worker/dist/join_gang.h"

#include <csignal>

#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/device.h"
#include "worker/dist/listening_socket.h"
#include "worker/dist/process_gang.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(JoinGangTest, OneRankNeedsNeitherNetworkNorCallbacks) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang({}));
  EXPECT_EQ(group->rank(), 0);
  EXPECT_EQ(group->world_size(), 1);
  EXPECT_THAT(group->Barrier(), IsOk());
}

class JoinGangOfTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, JoinGangOfTest, testing::Values(2, 4));

TEST_P(JoinGangOfTest, RanksMeetOnAFreePortOfLoopback) {
  const int world_size = GetParam();
  const auto ends = RunProcesses(world_size, [&](GangOptions options) {
    const auto publish = options.publish;
    std::string address;
    options.publish = [&](const std::string& published) {
      address = published;
      return publish(published);
    };
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
    EXPECT_EQ(group->rank(), options.rank);
    EXPECT_EQ(group->world_size(), world_size);
    EXPECT_THAT(group->Barrier(), IsOk());
    EXPECT_THAT(address, options.rank == 0 ? StartsWith("127.0.0.1:") : StartsWith(""));
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(world_size));
}

TEST(JoinGangTest, ListensOnTheHostThatItIsGiven) {
  const auto ends = RunProcesses(2, [&](GangOptions options) {
    options.host = "localhost";
    const auto publish = options.publish;
    options.publish = [&](const std::string& address) {
      EXPECT_THAT(address, StartsWith("localhost:"));
      return publish(address);
    };
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
    EXPECT_THAT(group->Barrier(), IsOk());
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(2));
}

// Gloo writes to sockets without asking to be spared the signal: a dead peer took its neighbours with it.
TEST(JoinGangTest, WritingToADeadPeerDoesNotKill) {
  const auto ends = RunProcesses(2, [](const GangOptions& options) {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ProcessGroup> group, JoinGang(options));
    EXPECT_EQ(std::raise(SIGPIPE), 0);
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(2));
}

TEST(JoinGangTest, NamesTheRanksThatDidNotCome) {
  const auto ends = RunProcesses(4, [](GangOptions options) {
    options.timeout = absl::Milliseconds(options.rank == 0 ? 500 : 30000);
    if (options.rank >= 2) return;
    const auto group = JoinGang(options);
    EXPECT_EQ(GetReason(group.status()), "PEER_LOST");
    EXPECT_THAT(group, StatusIs(absl::StatusCode::kUnavailable));
    if (options.rank == 0) {
      EXPECT_THAT(std::string(group.status().message()),
                  "rank 0 waited 500ms for the gang of 4 to meet, but ranks 2, 3 did not come");
    }
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(4));
}

TEST(JoinGangTest, SaysWhereItLookedForRankZero) {
  const auto ends = RunProcesses(1, [](GangOptions options) {
    uint16_t port = 0;
    {
      ASSERT_OK_AND_ASSIGN(const ListeningSocket closed_at_once, ListeningSocket::BindTo("127.0.0.1"));
      port = closed_at_once.port();
    }
    options.rank = 1;
    options.world_size = 2;
    options.timeout = absl::Milliseconds(500);
    options.find = [&]() -> absl::StatusOr<std::string> { return JoinHostPort("127.0.0.1", port); };
    const auto group = JoinGang(options);
    EXPECT_EQ(GetReason(group.status()), "PEER_LOST");
    EXPECT_THAT(group, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("rank 1 cannot reach rank 0 at " +
                                                                          JoinHostPort("127.0.0.1", port))));
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(1));
}

TEST(JoinGangTest, PassesOnWhatPublishingAndFindingSay) {
  const auto ends = RunProcesses(2, [](GangOptions options) {
    options.publish = [](const std::string&) { return absl::AbortedError("the attempt is over"); };
    options.find = []() -> absl::StatusOr<std::string> { return absl::AbortedError("the attempt is over"); };
    EXPECT_THAT(JoinGang(options), StatusIs(absl::StatusCode::kAborted, "the attempt is over"));
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(2));
}

TEST(JoinGangTest, RefusesAnAddressThatIsNone) {
  GangOptions options;
  options.rank = 1;
  options.world_size = 2;
  options.find = []() -> absl::StatusOr<std::string> { return "somewhere"; };
  EXPECT_THAT(JoinGang(options), StatusIs(absl::StatusCode::kInvalidArgument,
                                          "the gang's address is \"somewhere\"; it must be host:port"));
}

TEST(JoinGangTest, RefusesARankThatIsNotOfTheGang) {
  GangOptions options;
  options.rank = 2;
  options.world_size = 2;
  EXPECT_THAT(JoinGang(options),
              StatusIs(absl::StatusCode::kInvalidArgument, "rank 2 is not of a gang of 2"));
}

TEST(JoinGangTest, RefusesAHostThatIsNotThisMachine) {
  GangOptions options;
  options.world_size = 2;
  options.host = "192.0.2.1";  // an address for documentation, RFC 5737
  EXPECT_THAT(JoinGang(options),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("192.0.2.1"), HasSubstr("an address of this machine"))));
}

TEST(JoinGangTest, AsksForADeviceThatTheBuildKnows) {
  GangOptions options;
  options.device = c10::Device(c10::kCUDA, 0);
  EXPECT_EQ(JoinGang(options).status(), CheckDeviceType(c10::kCUDA));
}

}  // namespace
}  // namespace pretext
