#include "server/coordinator/rank_exit.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/exit_codes.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

v1::RankStatus Exited(int exit_code, int signal) {
  v1::RankStatus status;
  status.set_job("jobs/1");
  status.set_attempt(2);
  status.set_rank(1);
  status.set_pid(4711);
  status.set_state(v1::RankStatus::EXITED);
  status.set_exit_code(exit_code);
  status.set_signal(signal);
  return status;
}

TEST(RankExitTest, NamesTheRankTheProcessAndTheSignal) {
  const v1::RankEnded ended = RankEndedByExit(Exited(0, 9), "nodes/a", /*abandoned=*/false);
  EXPECT_EQ(ended.kind(), v1::RankEnded::FAILED);
  EXPECT_TRUE(ended.process_gone());
  EXPECT_EQ(ended.failure().cause(), v1::Failure::PROCESS);
  EXPECT_EQ(ended.failure().message(), "rank 1 (pid 4711, nodes/a) was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(ended.failure().signal(), 9);
  EXPECT_EQ(ended.failure().attempt(), 2);
}

TEST(RankExitTest, QuotesWhatTheProcessPrintedLast) {
  v1::RankStatus crashed = Exited(0, 11);
  crashed.set_last_words("double free or corruption");
  EXPECT_EQ(RankEndedByExit(crashed, "nodes/a", /*abandoned=*/false).failure().message(),
            "rank 1 (pid 4711, nodes/a) was killed by signal 11 (SIGSEGV); it printed last: double free or "
            "corruption");
  v1::RankStatus left = Exited(1, 0);
  left.set_last_words("cannot open shared object file");
  EXPECT_EQ(
      RankEndedByExit(left, "nodes/a", /*abandoned=*/false).failure().message(),
      "rank 1 (pid 4711, nodes/a) ended without telling why (exit code 1); it printed last: cannot open "
      "shared object file");
}

TEST(RankExitTest, TellsLackOfMemoryFromOtherKills) {
  v1::RankStatus status = Exited(0, 9);
  status.set_out_of_memory(true);
  const v1::RankEnded ended = RankEndedByExit(status, "nodes/a", /*abandoned=*/false);
  EXPECT_EQ(ended.failure().cause(), v1::Failure::OUT_OF_MEMORY);
  EXPECT_THAT(ended.failure().message(), HasSubstr("for lack of memory; lower batch_size"));
}

TEST(RankExitTest, DoesNotBlameARankThatWasKilledWithItsGang) {
  const v1::RankEnded ended = RankEndedByExit(Exited(0, 9), "nodes/a", /*abandoned=*/true);
  EXPECT_EQ(ended.kind(), v1::RankEnded::STOPPED);
  EXPECT_FALSE(ended.has_failure());
}

TEST(RankExitTest, ReadsExitCodesAsTheyAreAgreed) {
  struct Row {
    int exit_code;
    v1::RankEnded::Kind kind;
    v1::Failure::Cause cause;
  };
  for (const Row& row : {Row{kRankFinished, v1::RankEnded::FINISHED, v1::Failure::CAUSE_UNSPECIFIED},
                         Row{kRankStopped, v1::RankEnded::STOPPED, v1::Failure::CAUSE_UNSPECIFIED},
                         Row{kRankBadSpec, v1::RankEnded::FAILED, v1::Failure::SPEC},
                         Row{kRankBadData, v1::RankEnded::FAILED, v1::Failure::DATA},
                         Row{kRankNonFinite, v1::RankEnded::FAILED, v1::Failure::NON_FINITE},
                         Row{kRankPeerLost, v1::RankEnded::FAILED, v1::Failure::PROCESS},
                         Row{kRankFenced, v1::RankEnded::FAILED, v1::Failure::COORDINATOR},
                         Row{1, v1::RankEnded::FAILED, v1::Failure::PROCESS}}) {
    const v1::RankEnded ended = RankEndedByExit(Exited(row.exit_code, 0), "nodes/a", /*abandoned=*/false);
    EXPECT_EQ(ended.kind(), row.kind) << row.exit_code;
    EXPECT_EQ(ended.failure().cause(), row.cause) << row.exit_code;
  }
}

TEST(RankExitTest, KeepsWhatTheRankHasTold) {
  RankRecord rank;
  rank.ended = v1::RankEnded::FAILED;
  rank.failure.set_cause(v1::Failure::NON_FINITE);
  rank.failure.set_message("the loss is nan at step 3");
  const v1::RankEnded ended =
      KeepToldOutcome(rank, RankEndedByExit(Exited(kRankNonFinite, 0), "nodes/a", /*abandoned=*/false));
  EXPECT_TRUE(ended.process_gone());
  EXPECT_EQ(ended.failure().message(), "the loss is nan at step 3");
}

TEST(RankExitTest, ANameIsFoundForEverySignal) {
  EXPECT_EQ(SignalName(11), "SIGSEGV");
  EXPECT_EQ(SignalName(250), "signal 250");
}

}  // namespace
}  // namespace pretext
