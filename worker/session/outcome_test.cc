#include "worker/session/outcome.h"

#include "gtest/gtest.h"
#include "proto/cpp/error_details.h"

namespace pretext {
namespace {

v1::RankAssignment Rank1() {
  v1::RankAssignment assignment;
  assignment.set_job("jobs/1");
  assignment.set_attempt(3);
  assignment.set_rank(1);
  return assignment;
}

RankOutcome Of(const absl::Status& status) { return OutcomeOf(status, Rank1(), "nodes/a"); }

TEST(OutcomeTest, FinishesAndStopsWithoutAFailure) {
  const RankOutcome finished = Of(absl::OkStatus());
  EXPECT_EQ(finished.outcome.kind(), v1::Outcome::FINISHED);
  EXPECT_EQ(finished.exit_code, kRankFinished);
  EXPECT_FALSE(finished.outcome.has_failure());
  const RankOutcome stopped = Of(absl::CancelledError("asked to stop"));
  EXPECT_EQ(stopped.outcome.kind(), v1::Outcome::STOPPED);
  EXPECT_EQ(stopped.exit_code, kRankStopped);
  EXPECT_FALSE(stopped.outcome.has_failure());
}

TEST(OutcomeTest, GivesEveryErrorACauseAndAnExitCode) {
  using Cause = v1::Failure;
  struct Row {
    absl::Status status;
    v1::Failure::Cause cause;
    RankExitCode exit_code;
  };
  const Row rows[] = {
      {absl::InvalidArgumentError("x"), Cause::SPEC, kRankBadSpec},
      {absl::NotFoundError("x"), Cause::SPEC, kRankBadSpec},
      {absl::FailedPreconditionError("x"), Cause::SPEC, kRankBadSpec},
      {absl::UnimplementedError("x"), Cause::SPEC, kRankBadSpec},
      {absl::OutOfRangeError("x"), Cause::SPEC, kRankBadSpec},
      {absl::DataLossError("x"), Cause::DATA, kRankBadData},
      {WithReason(absl::AbortedError("x"), "NON_FINITE"), Cause::NON_FINITE, kRankNonFinite},
      {WithReason(absl::AbortedError("x"), "ATTEMPT_OVER"), Cause::COORDINATOR, kRankFenced},
      {absl::AbortedError("x"), Cause::COORDINATOR, kRankFenced},
      {WithReason(absl::UnavailableError("x"), "PEER_LOST"), Cause::PROCESS, kRankPeerLost},
      {absl::UnavailableError("x"), Cause::PROCESS, kRankUnavailable},
      {absl::DeadlineExceededError("x"), Cause::PROCESS, kRankUnavailable},
      {WithReason(absl::ResourceExhaustedError("x"), "OUT_OF_MEMORY"), Cause::OUT_OF_MEMORY,
       kRankUnavailable},
      {absl::ResourceExhaustedError("the disk is full"), Cause::PROCESS, kRankUnavailable},
      {absl::InternalError("x"), Cause::PROCESS, kRankFault},
      {absl::UnknownError("x"), Cause::PROCESS, kRankFault},
      {absl::AlreadyExistsError("x"), Cause::PROCESS, kRankFault},
      {absl::PermissionDeniedError("x"), Cause::PROCESS, kRankFault},
      {absl::UnauthenticatedError("x"), Cause::PROCESS, kRankFault},
  };
  for (const Row& row : rows) {
    const RankOutcome result = Of(row.status);
    EXPECT_EQ(result.outcome.kind(), v1::Outcome::FAILED) << row.status;
    EXPECT_EQ(result.outcome.failure().cause(), row.cause) << row.status;
    EXPECT_EQ(result.exit_code, row.exit_code) << row.status;
    EXPECT_EQ(result.outcome.failure().exit_code(), row.exit_code) << row.status;
    EXPECT_EQ(result.outcome.failure().rank(), 1);
    EXPECT_EQ(result.outcome.failure().node(), "nodes/a");
    EXPECT_EQ(result.outcome.failure().attempt(), 3);
  }
}

TEST(OutcomeTest, SaysOfFaultsOfTheJobTheSameOnEveryRank) {
  v1::RankAssignment other = Rank1();
  other.set_rank(0);
  other.set_attempt(4);
  const absl::Status status = WithReason(absl::AbortedError("the loss is nan at step 7"), "NON_FINITE");
  EXPECT_EQ(Of(status).outcome.failure().message(), "the loss is nan at step 7");
  EXPECT_EQ(OutcomeOf(status, other, "nodes/b").outcome.failure().message(), "the loss is nan at step 7");
}

TEST(OutcomeTest, NamesTheRankWhoseProcessIsAtFault) {
  EXPECT_EQ(Of(absl::UnavailableError("no space left on /data")).outcome.failure().message(),
            "rank 1 (nodes/a): no space left on /data");
  EXPECT_EQ(Of(absl::InternalError("")).outcome.failure().message(), "rank 1 (nodes/a): ended with INTERNAL");
}

}  // namespace
}  // namespace pretext
