#include "client/render/job_feed.h"

#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

v1::Job Job(v1::Job::State state, const std::string& stage = "") {
  v1::Job job;
  job.set_name("jobs/1");
  job.set_state(state);
  job.set_attempt(1);
  job.mutable_spec()->set_max_restarts(3);
  for (const char* name : {"a", "b", "c"}) job.mutable_spec()->add_stages()->set_name(name);
  job.mutable_progress()->set_stage(stage);
  return job;
}

TEST(JobFeedTest, SaysWhatAJobWaitsForAndHowLong) {
  JobFeed feed;
  v1::Job job = Job(v1::Job::QUEUED);
  job.set_reason("needs 2 CPU slots, 1 is free");
  feed.Update(job, kStart, LineStyle());
  const FeedStep step = feed.Update(job, kStart + absl::Seconds(75), LineStyle());
  EXPECT_THAT(step.lines, IsEmpty());
  EXPECT_EQ(step.live, "queued: needs 2 CPU slots, 1 is free  (1 min 15 s)");
}

TEST(JobFeedTest, TellsEachFinishedStageOnceAlsoThoseItNeverSawRunning) {
  JobFeed feed;
  EXPECT_THAT(feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle()).finished_stages, IsEmpty());
  EXPECT_THAT(feed.Update(Job(v1::Job::RUNNING, "c"), kStart, LineStyle()).finished_stages,
              ElementsAre(0, 1));
  EXPECT_THAT(feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle()).finished_stages, IsEmpty());
  EXPECT_THAT(feed.Update(Job(v1::Job::SUCCEEDED), kStart, LineStyle()).finished_stages, ElementsAre(2));
}

TEST(JobFeedTest, TellsWhyAnAttemptEndedAndThatItIsTriedAgain) {
  JobFeed feed;
  feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle());
  v1::Job job = Job(v1::Job::QUEUED);
  job.set_restarts(1);
  job.mutable_failure()->set_attempt(1);
  job.mutable_failure()->set_cause(v1::Failure::PROCESS);
  job.mutable_failure()->set_message("rank 1 on nodes/local was killed by signal 9");
  EXPECT_THAT(
      feed.Update(job, kStart, LineStyle()).lines,
      ElementsAre("attempt 1 ended: PROCESS: rank 1 on nodes/local was killed by signal 9; it is tried again "
                  "(restart 1 of 3)"));
  job.set_state(v1::Job::STARTING);
  job.set_attempt(2);
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines, ElementsAre("attempt 2 begins"));
}

TEST(JobFeedTest, SaysEachAlarmOnceAndWhatToDo) {
  JobFeed feed;
  v1::Job job = Job(v1::Job::RUNNING, "a");
  feed.Update(job, kStart, LineStyle());
  v1::Alarm* alarm = job.add_alarms();
  alarm->set_kind(v1::Alarm::COLLAPSE);
  alarm->set_stage("a");
  alarm->set_step(120);
  alarm->set_text("the features are all the same");
  alarm->set_advice("Lower the rate");
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines,
              ElementsAre("warning: COLLAPSE in a at step 120: the features are all the same",
                          "         what to do: Lower the rate"));
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines, IsEmpty());
  *job.add_alarms() = job.alarms(0);
  job.mutable_alarms(1)->set_stage("b");
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines,
              ElementsAre(HasSubstr("COLLAPSE in b"), HasSubstr("what to do")));
}

TEST(JobFeedTest, SaysHowToGoOnAfterAPause) {
  JobFeed feed;
  feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle());
  EXPECT_THAT(feed.Update(Job(v1::Job::PAUSED), kStart, LineStyle()).lines,
              ElementsAre("paused; `pretext resume jobs/1` goes on"));
}

TEST(JobFeedTest, SaysOnceThatAJobIsPaused) {
  JobFeed feed;
  feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle());
  v1::Job job = Job(v1::Job::PAUSED);
  job.set_reason("paused");
  const FeedStep step = feed.Update(job, kStart, LineStyle());
  EXPECT_THAT(step.lines, ElementsAre("paused; `pretext resume jobs/1` goes on"));
  EXPECT_EQ(step.live, "");
  EXPECT_EQ(feed.Update(job, kStart + absl::Minutes(1), LineStyle()).live, "");
  const LineStyle terminal = {80, true, false};
  EXPECT_EQ(feed.Update(job, kStart + absl::Minutes(1), terminal).live, "paused  (1 min 00 s)");
}

TEST(JobFeedTest, SaysWhyARunningJobDoesNotMove) {
  JobFeed feed;
  v1::Job job = Job(v1::Job::RUNNING, "a");
  job.set_reason("all ranks run");
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines, IsEmpty());
  job.set_reason("the coordinator cannot write to its disk");
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines, ElementsAre(job.reason()));
  EXPECT_THAT(feed.Update(job, kStart, LineStyle()).lines, IsEmpty());
}

TEST(JobFeedTest, SaysThatTheCoordinatorIsAwayAndBack) {
  JobFeed feed;
  feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle());
  EXPECT_THAT(feed.Away(kStart, kStart + absl::Seconds(2)).lines, ElementsAre(HasSubstr("is away")));
  const FeedStep step = feed.Away(kStart, kStart + absl::Seconds(12));
  EXPECT_THAT(step.lines, IsEmpty());
  EXPECT_EQ(step.live, "coordinator away for 12 s, trying again");
  EXPECT_THAT(feed.Update(Job(v1::Job::RUNNING, "a"), kStart, LineStyle()).lines,
              ElementsAre("the coordinator is back"));
}

TEST(JobFeedTest, AStateOfALaterVersionIsShownByItsNumber) {
  EXPECT_EQ(StateText(static_cast<v1::Job::State>(17)), "STATE 17");
  EXPECT_EQ(StateText(v1::Job::FAILED), "FAILED");
}

}  // namespace
}  // namespace pretext
