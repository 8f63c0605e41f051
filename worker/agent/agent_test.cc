#include "worker/agent/agent.h"

#include <signal.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "proto/cpp/fake_clock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/agent/fake_rank_starter.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// The test answers each call by hand.
class FakeSyncCall final : public SyncCall {
 public:
  ~FakeSyncCall() override {
    if (canceller_.joinable()) canceller_.join();
  }
  void Start(const v1::SyncAgentRequest& request, absl::Duration, OnDone on_done) override {
    if (canceller_.joinable()) canceller_.join();
    absl::MutexLock lock(&mutex_);
    request_ = request;
    on_done_ = std::move(on_done);
  }
  void Cancel() override {
    canceller_ = std::thread([this] { Answer(absl::CancelledError("cancelled")); });
  }

  // Waits for a call that has not been seen yet.
  v1::SyncAgentRequest Next() {
    auto is_new = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return request_.has_value(); };
    absl::MutexLock lock(&mutex_, absl::Condition(&is_new));
    v1::SyncAgentRequest request = *std::move(request_);
    request_.reset();
    return request;
  }
  // Answers the call under way, if there is one.
  void Answer(absl::StatusOr<v1::SyncAgentResponse> answer) {
    OnDone on_done;
    {
      absl::MutexLock lock(&mutex_);
      on_done = std::move(on_done_);
      on_done_ = nullptr;
    }
    if (on_done) on_done(std::move(answer));
  }

 private:
  absl::Mutex mutex_;
  absl::optional<v1::SyncAgentRequest> request_ ABSL_GUARDED_BY(mutex_);
  OnDone on_done_ ABSL_GUARDED_BY(mutex_);
  std::thread canceller_;
};

v1::RankAssignment Rank(int rank, bool stop = false, int attempt = 1) {
  v1::RankAssignment assignment;
  assignment.set_job("jobs/1");
  assignment.set_attempt(attempt);
  assignment.set_rank(rank);
  assignment.set_stop(stop);
  return assignment;
}

v1::SyncAgentResponse Wanting(std::vector<v1::RankAssignment> ranks, int64_t revision = 1) {
  v1::SyncAgentResponse response;
  for (v1::RankAssignment& rank : ranks) *response.add_ranks() = std::move(rank);
  response.set_revision(revision);
  response.mutable_lease()->set_seconds(60);
  return response;
}

RankEnd ExitWith(int code) {
  RankEnd end;
  end.exit_code = code;
  return end;
}

RankEnd DeathBy(int signal) {
  RankEnd end;
  end.signal = signal;
  return end;
}

class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    AgentOptions options;
    options.node = "nodes/a";
    options.incarnation = "i1";
    options.capacity.set_cpu_slots(4);
    options.retry.first_delay = absl::ZeroDuration();
    agent_ = std::make_unique<Agent>(options, &call_, &starter_, &clock_);
    runner_ = std::thread([this] {
      result_ = agent_->Run();
      returned_.Notify();
    });
  }
  ~AgentTest() override {
    agent_->Leave();
    while (!returned_.WaitForNotificationWithTimeout(absl::Milliseconds(1))) clock_.Advance(absl::Minutes(1));
    runner_.join();
  }
  // The first call that tells of so many ends. Calls that were under way when they came are given up.
  v1::SyncAgentRequest NextWithEnds(int count) {
    while (true) {
      v1::SyncAgentRequest request = call_.Next();
      int ends = 0;
      for (const v1::RankStatus& rank : request.ranks()) ends += rank.state() == v1::RankStatus::EXITED;
      if (ends == count) return request;
    }
  }
  // Waits for Run() to return by itself.
  absl::Status Returned() {
    returned_.WaitForNotification();
    return result_;
  }

  FakeClock clock_;
  FakeSyncCall call_;
  FakeRankStarter starter_;
  std::unique_ptr<Agent> agent_;
  std::thread runner_;
  absl::Status result_;
  absl::Notification returned_;
};

TEST_F(AgentTest, SaysWhoItIsAndStartsWhatIsWanted) {
  const v1::SyncAgentRequest first = call_.Next();
  EXPECT_EQ(first.node(), "nodes/a");
  EXPECT_EQ(first.incarnation(), "i1");
  EXPECT_EQ(first.capacity().cpu_slots(), 4);
  EXPECT_EQ(first.known_revision(), 0);
  call_.Answer(Wanting({Rank(0), Rank(1)}, /*revision=*/7));

  const v1::SyncAgentRequest second = call_.Next();
  EXPECT_EQ(second.known_revision(), 7);
  ASSERT_THAT(second.ranks(), SizeIs(2));
  EXPECT_EQ(second.ranks(1).rank(), 1);
  EXPECT_EQ(second.ranks(1).state(), v1::RankStatus::RUNNING);
  EXPECT_THAT(starter_.started(), SizeIs(2));
  call_.Answer(Wanting({Rank(0), Rank(1)}, 7));
  call_.Next();
  EXPECT_THAT(starter_.started(), SizeIs(2)) << "a rank was started twice";
}

TEST_F(AgentTest, TellsOfAnEndAtOnceAndUntilItIsNoLongerAskedAbout) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();  // held by the coordinator
  RankEnd end = DeathBy(SIGSEGV);
  end.last_words = "double free";
  starter_.End(1, end);
  const v1::SyncAgentRequest request = NextWithEnds(1);
  ASSERT_THAT(request.ranks(), SizeIs(1));
  EXPECT_EQ(request.ranks(0).pid(), 1001);
  EXPECT_EQ(request.ranks(0).signal(), SIGSEGV);
  EXPECT_EQ(request.ranks(0).last_words(), "double free");
  call_.Answer(absl::UnavailableError("the coordinator is down"));
  EXPECT_THAT(call_.Next().ranks(), SizeIs(1)) << "an end that nobody heard of was forgotten";
  call_.Answer(Wanting({Rank(0)}));
  EXPECT_THAT(call_.Next().ranks(), SizeIs(1)) << "still asked about";
  call_.Answer(Wanting({}));
  EXPECT_THAT(call_.Next().ranks(), IsEmpty());
}

TEST_F(AgentTest, TellsOfAnEndThatAnAnswerDidNotKnowYet) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  call_.Answer(Wanting({}));  // not wanted any more: killed
  starter_.AwaitSignals(1);
  starter_.End(1, DeathBy(SIGKILL));
  ASSERT_THAT(NextWithEnds(1).ranks(), SizeIs(1));
  call_.Answer(Wanting({}));
  EXPECT_THAT(call_.Next().ranks(), IsEmpty());
}

TEST_F(AgentTest, StopsWithSigtermAndKillsWhatIsNotListed) {
  call_.Next();
  call_.Answer(Wanting({Rank(0), Rank(1)}));
  call_.Next();
  call_.Answer(Wanting({Rank(0, /*stop=*/true)}));
  call_.Next();
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(2, SIGKILL), Pair(1, SIGTERM)));
  call_.Answer(Wanting({Rank(0, true)}));
  call_.Next();
  EXPECT_THAT(starter_.signals(), SizeIs(2)) << "signals were sent twice";
  call_.Answer(Wanting({}));
  call_.Next();
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(2, SIGKILL), Pair(1, SIGTERM), Pair(1, SIGKILL)));
}

TEST_F(AgentTest, KeepsItsRanksThroughAnOutageShorterThanTheLease) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}, /*revision=*/9));
  for (int i = 0; i < 5; ++i) {
    call_.Next();
    clock_.Advance(absl::Seconds(11));
    call_.Answer(absl::UnavailableError("connection refused"));
  }
  const v1::SyncAgentRequest request = call_.Next();
  EXPECT_EQ(request.known_revision(), 0) << "a coordinator that restarted counts anew";
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  clock_.Advance(absl::Seconds(59));
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  EXPECT_THAT(starter_.signals(), IsEmpty());
}

TEST_F(AgentTest, KillsItsRanksWhenTheLeaseEndsEvenWhileACallHangs) {
  call_.Next();
  call_.Answer(Wanting({Rank(0), Rank(1)}));
  call_.Next();
  clock_.Advance(absl::Seconds(61));
  starter_.AwaitSignals(2);
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(1, SIGKILL), Pair(2, SIGKILL)));
  starter_.End(1, DeathBy(SIGKILL));
  starter_.End(2, DeathBy(SIGKILL));
  const v1::SyncAgentRequest request = NextWithEnds(2);
  call_.Answer(Wanting({Rank(0, false, 2)}));
  EXPECT_THAT(call_.Next().ranks(), SizeIs(1)) << "it works on when the coordinator is back";
  EXPECT_THAT(starter_.started(), SizeIs(3));
}

TEST_F(AgentTest, CountsTheLeaseFromWhenTheCallWasMade) {
  call_.Next();
  clock_.Advance(absl::Seconds(30));  // the coordinator heard it at the start of these
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  EXPECT_THAT(starter_.signals(), IsEmpty());
  clock_.Advance(absl::Seconds(31));
  starter_.AwaitSignals(1);
}

TEST_F(AgentTest, ExitsWithItsRanksKilledWhenAnotherAgentHoldsTheNode) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  call_.Answer(absl::FailedPreconditionError("another agent has taken over nodes/a"));
  starter_.AwaitSignals(1);
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(1, SIGKILL)));
  starter_.End(1, DeathBy(SIGKILL));
  EXPECT_THAT(Returned(), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(AgentTest, ExitsWhenNoMoreWorkIsComing) {
  call_.Next();
  v1::SyncAgentResponse answer = Wanting({});
  answer.set_shut_down(true);
  call_.Answer(answer);
  EXPECT_OK(Returned());
}

TEST_F(AgentTest, LetsItsRanksStopAndTellsOfItBeforeItLeaves) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  agent_->Leave();
  starter_.AwaitSignals(1);
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(1, SIGTERM)));
  starter_.End(1, ExitWith(75));
  const v1::SyncAgentRequest request = NextWithEnds(1);
  EXPECT_EQ(request.ranks(0).exit_code(), 75);
  call_.Answer(Wanting({Rank(0), Rank(1)}));
  EXPECT_OK(Returned());
  EXPECT_THAT(starter_.started(), SizeIs(1)) << "it started a rank while leaving";
}

TEST_F(AgentTest, KillsRanksThatDoNotStopInTimeAndLeavesThoughNobodyAnswers) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  agent_->Leave();
  starter_.AwaitSignals(1);
  clock_.Advance(absl::Seconds(26));
  starter_.AwaitSignals(2);
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(1, SIGTERM), Pair(1, SIGKILL)));
  starter_.End(1, DeathBy(SIGKILL));
  clock_.Advance(absl::Seconds(3));
  EXPECT_OK(Returned());
}

TEST_F(AgentTest, DoesNotWaitLongForACoordinatorThatIsGoneTooWhenItsRanksHaveStopped) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  agent_->Leave();
  starter_.AwaitSignals(1);
  starter_.End(1, ExitWith(75));
  clock_.Advance(absl::Seconds(3));  // and nobody answers
  EXPECT_OK(Returned());
}

TEST_F(AgentTest, KillsAtOnceWhenToldToLeaveTwice) {
  call_.Next();
  call_.Answer(Wanting({Rank(0)}));
  call_.Next();
  agent_->Leave();
  starter_.AwaitSignals(1);
  agent_->Leave();
  starter_.AwaitSignals(2);
  EXPECT_THAT(starter_.signals(), ElementsAre(Pair(1, SIGTERM), Pair(1, SIGKILL)));
  starter_.End(1, DeathBy(SIGKILL));
  NextWithEnds(1);
  call_.Answer(Wanting({}));
  EXPECT_OK(Returned());
}

TEST_F(AgentTest, DoesNotTakeItsOwnKillForLackOfMemory) {
  call_.Next();
  call_.Answer(Wanting({Rank(0), Rank(1)}));
  call_.Next();
  call_.Answer(Wanting({Rank(1)}));  // rank 0 is killed
  call_.Next();
  RankEnd end = DeathBy(SIGKILL);
  end.out_of_memory = true;
  starter_.End(1, end);
  starter_.End(2, end);
  const v1::SyncAgentRequest request = NextWithEnds(2);
  EXPECT_FALSE(request.ranks(0).out_of_memory());
  EXPECT_TRUE(request.ranks(1).out_of_memory());
}

TEST_F(AgentTest, EndsWhenRanksCanNoLongerBeStarted) {
  call_.Next();
  starter_.Break(absl::InternalError("the zygote was killed by signal 9"));
  EXPECT_THAT(Returned(), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace pretext
