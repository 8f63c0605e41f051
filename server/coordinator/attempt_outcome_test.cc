#include "server/coordinator/attempt_outcome.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/exit_codes.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

RankRecord Ended(v1::RankEnded::Kind kind) {
  RankRecord rank;
  rank.ended = kind;
  rank.process_gone = true;
  return rank;
}

RankRecord Failed(v1::Failure::Cause cause, const std::string& message, int exit_code = 0) {
  RankRecord rank = Ended(v1::RankEnded::FAILED);
  rank.failure.set_cause(cause);
  rank.failure.set_message(message);
  rank.failure.set_exit_code(exit_code);
  return rank;
}

JobRecord Job(std::vector<RankRecord> ranks) {
  JobRecord job;
  job.name = "jobs/1-xray";
  job.state = v1::Job::RUNNING;
  job.attempt = 1;
  job.ranks = std::move(ranks);
  job.spec.set_max_restarts(3);
  return job;
}

TEST(AttemptOutcomeTest, SucceedsWhenEveryRankHasFinished) {
  const AttemptOutcome outcome =
      DecideAfterAttempt(Job({Ended(v1::RankEnded::FINISHED), Ended(v1::RankEnded::FINISHED)}));
  EXPECT_EQ(outcome.next, v1::Job::SUCCEEDED);
  EXPECT_FALSE(outcome.failure.has_value());
}

TEST(AttemptOutcomeTest, SucceedsEvenWhenItWasAboutToBePaused) {
  JobRecord job = Job({Ended(v1::RankEnded::FINISHED)});
  job.wish = Wish::kPause;
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::SUCCEEDED);
}

TEST(AttemptOutcomeTest, GrantsTheWishOfAStoppedGang) {
  JobRecord job = Job({Ended(v1::RankEnded::STOPPED)});
  job.wish = Wish::kPause;
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::PAUSED);
  job.wish = Wish::kCancel;
  job.wish_reason = "cancelled: wrong data";
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::CANCELLED);
  EXPECT_EQ(DecideAfterAttempt(job).reason, "cancelled: wrong data");
}

TEST(AttemptOutcomeTest, QueuesAGangThatWasStoppedForNobody) {
  const AttemptOutcome outcome = DecideAfterAttempt(Job({Ended(v1::RankEnded::STOPPED)}));
  EXPECT_EQ(outcome.next, v1::Job::QUEUED);
  EXPECT_FALSE(outcome.failure.has_value());
}

TEST(AttemptOutcomeTest, NeverTriesABadSpecOrBadDataAgain) {
  for (const v1::Failure::Cause cause : {v1::Failure::SPEC, v1::Failure::DATA}) {
    const AttemptOutcome outcome = DecideAfterAttempt(Job({Failed(cause, "no pictures in /data")}));
    EXPECT_EQ(outcome.next, v1::Job::FAILED);
    EXPECT_EQ(outcome.reason, "no pictures in /data");
  }
}

TEST(AttemptOutcomeTest, StartsAgainFromTheNewestCheckpointAndCounts) {
  JobRecord job = Job({Failed(v1::Failure::PROCESS, "rank 0 was killed"), Ended(v1::RankEnded::STOPPED)});
  job.checkpoints.emplace_back().set_step(100);
  job.checkpoints.emplace_back().set_step(200);
  job.checkpoints.back().set_stage("pretrain");
  for (v1::Checkpoint& checkpoint : job.checkpoints) checkpoint.set_attempt(1);
  job.restarts = 1;
  const AttemptOutcome outcome = DecideAfterAttempt(job);
  EXPECT_EQ(outcome.next, v1::Job::QUEUED);
  EXPECT_EQ(outcome.reason, "rank 0 was killed; goes on from step 200 of pretrain (restart 2 of 3)");
}

TEST(AttemptOutcomeTest, DoesNotPromiseACheckpointThatIsForgotten) {
  JobRecord job = Job({Failed(v1::Failure::PROCESS, "rank 0 was killed")});
  job.checkpoints.emplace_back().set_attempt(1);
  job.ignore_checkpoints_up_to_attempt = 1;
  EXPECT_THAT(DecideAfterAttempt(job).reason, HasSubstr("starts over"));
}

TEST(AttemptOutcomeTest, GivesUpAfterMaxRestarts) {
  JobRecord job = Job({Failed(v1::Failure::PROCESS, "rank 0 was killed")});
  job.restarts = 3;
  const AttemptOutcome outcome = DecideAfterAttempt(job);
  EXPECT_EQ(outcome.next, v1::Job::FAILED);
  EXPECT_EQ(outcome.reason, "rank 0 was killed; it was started again 3 times already (max_restarts)");
  ASSERT_TRUE(outcome.failure.has_value());
}

TEST(AttemptOutcomeTest, DoesNotChargeTheJobForALostNode) {
  JobRecord job = Job({Failed(v1::Failure::NODE, "rank 0 (nodes/a): its node was lost")});
  job.restarts = 3;
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::QUEUED);
}

TEST(AttemptOutcomeTest, BlamesTheRankThatDiedNotTheOnesThatMissedIt) {
  const JobRecord job = Job({Failed(v1::Failure::PROCESS, "rank 0 lost a peer", kRankPeerLost),
                             Failed(v1::Failure::PROCESS, "rank 1 was killed"),
                             Failed(v1::Failure::PROCESS, "rank 2 lost a peer", kRankPeerLost)});
  ASSERT_NE(FindRootFailure(job), nullptr);
  EXPECT_EQ(FindRootFailure(job)->message(), "rank 1 was killed");
}

TEST(AttemptOutcomeTest, RanksThatMissEachOtherWhileStoppingHaveNotFailed) {
  JobRecord job =
      Job({Ended(v1::RankEnded::STOPPED), Failed(v1::Failure::PROCESS, "rank 1 lost a peer", kRankPeerLost)});
  job.stop_requested = true;
  job.wish = Wish::kPause;
  const AttemptOutcome outcome = DecideAfterAttempt(job);
  EXPECT_EQ(outcome.next, v1::Job::PAUSED);
  EXPECT_FALSE(outcome.failure.has_value());
}

TEST(AttemptOutcomeTest, GivesUpWhenTheSameLossIsNotFiniteTwiceInARow) {
  JobRecord job = Job({Failed(v1::Failure::NON_FINITE, "the loss of moco is nan at step 120")});
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::QUEUED);
  job.failure = job.ranks[0].failure;
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::FAILED);
  job.failure.set_message("the loss of moco is nan at step 80");
  EXPECT_EQ(DecideAfterAttempt(job).next, v1::Job::QUEUED) << "another step is another matter";
}

}  // namespace
}  // namespace pretext
