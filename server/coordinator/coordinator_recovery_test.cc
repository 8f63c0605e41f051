// What the coordinator promises about durability, and the admission of jobs.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/fake_cluster.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(CoordinatorRecoveryTest, LetsARunningGangGoOnAndKeepsAllThatWasAcknowledged) {
  FakeCluster cluster;
  FakeAgent& agent = cluster.AddAgent("nodes/a", 2);
  const std::string job = cluster.Submit(SmallSpec(2));
  cluster.Settle();
  cluster.SayHello(job);
  v1::ReportRequest report = cluster.MakeCheckpointReport(job, 50);
  report.add_alarms()->set_kind(v1::Alarm::COLLAPSE);
  ASSERT_OK(cluster.Report(report));
  const std::string queued = cluster.Submit(SmallSpec(8, "too-big"));
  const std::vector<std::string> running = agent.Running();
  const v1::Job before = cluster.Get(job);

  cluster.RestartCoordinator();
  cluster.clock.Advance(absl::Seconds(20));
  cluster.Settle();
  const v1::Job after = cluster.Get(job);
  EXPECT_EQ(after.state(), v1::Job::RUNNING);
  EXPECT_EQ(after.attempt(), 1);
  EXPECT_EQ(after.revision(), before.revision());
  EXPECT_EQ(after.uid(), before.uid());
  EXPECT_EQ(agent.Running(), running);
  EXPECT_EQ(cluster.Get(queued).state(), v1::Job::QUEUED);
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Checkpoint> checkpoints,
                       cluster.coordinator().ListCheckpoints(job));
  EXPECT_EQ(checkpoints.size(), 1);
  ASSERT_EQ(after.alarms_size(), 1);
  EXPECT_EQ(after.alarms(0).SerializeAsString(), before.alarms(0).SerializeAsString());
  cluster.EndAll(job, v1::Outcome::FINISHED);
  cluster.Settle();
  EXPECT_EQ(cluster.Get(job).state(), v1::Job::SUCCEEDED);
}

TEST(CoordinatorRecoveryTest, GivesNodesOneFullLeaseToCallAgain) {
  FakeCluster cluster;
  cluster.AddAgent("nodes/a", 2);
  const std::string job = cluster.Submit(SmallSpec(2));
  cluster.Settle();
  cluster.SayHello(job);
  cluster.clock.Advance(absl::Hours(5));
  cluster.RestartCoordinator();
  cluster.clock.Advance(cluster.options.node_lease - absl::Seconds(1));
  ASSERT_OK(cluster.coordinator().RunOnce());
  EXPECT_EQ(cluster.Get(job).state(), v1::Job::RUNNING);
  cluster.clock.Advance(absl::Seconds(1));
  ASSERT_OK(cluster.coordinator().RunOnce());
  EXPECT_EQ(cluster.Get(job).state(), v1::Job::QUEUED);
  EXPECT_EQ(cluster.coordinator().ListNodes()[0].state(), v1::Node::UNREACHABLE);
}

TEST(CoordinatorRecoveryTest, FindsTheRankThatEndedWhileItWasAway) {
  FakeCluster cluster;
  FakeAgent& agent = cluster.AddAgent("nodes/a", 2);
  const std::string job = cluster.Submit(SmallSpec(2));
  cluster.Settle();
  cluster.SayHello(job);
  agent.Kill(job, 0, 9);
  cluster.RestartCoordinator();
  cluster.Settle();
  EXPECT_EQ(cluster.Get(job).attempt(), 2);
  EXPECT_EQ(cluster.Get(job).failure().signal(), 9);
}

TEST(CoordinatorRecoveryTest, StopsWhenAnotherCoordinatorLeads) {
  FakeCluster cluster;
  Coordinator rival(cluster.options, &cluster.journal, &cluster.telemetry, &cluster.scheduler, nullptr,
                    &cluster.clock);
  ASSERT_OK(rival.Recover());
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  ASSERT_OK(rival.CreateJob(request).status());
  const absl::StatusOr<v1::Job> refused = cluster.coordinator().CreateJob(request);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(GetReason(refused.status()), "NOT_LEADING");
  EXPECT_TRUE(cluster.coordinator().deposed());
  EXPECT_THAT(cluster.coordinator().Run(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(cluster.coordinator().ListJobs().empty()) << "nothing was applied that was not appended";
}

TEST(CoordinatorRecoveryTest, ChangesNothingWhenTheJournalCannotBeWritten) {
  FakeCluster cluster;
  FakeAgent& agent = cluster.AddAgent("nodes/a", 2);
  const std::string job = cluster.Submit(SmallSpec(1));
  cluster.Settle();
  cluster.SayHello(job);
  const v1::Job before = cluster.Get(job);
  cluster.journal.RefuseWith(absl::ResourceExhaustedError("disk full"));
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  const absl::StatusOr<v1::Job> refused = cluster.coordinator().CreateJob(request);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk full")));
  EXPECT_EQ(GetReason(refused.status()), "JOURNAL_NOT_WRITTEN");
  EXPECT_THAT(cluster.coordinator().CancelJob(job, ""), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cluster.Report(cluster.MakeCheckpointReport(job, 5)), StatusIs(absl::StatusCode::kUnavailable));
  agent.Kill(job, 0, 9);
  EXPECT_THAT(agent.Sync(cluster.coordinator()), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(cluster.Get(job).revision(), before.revision());
  EXPECT_EQ(cluster.coordinator().ListJobs().size(), 1);

  cluster.journal.RefuseWith(absl::OkStatus());
  cluster.Settle();
  EXPECT_EQ(cluster.Get(job).attempt(), 2) << "the agent went on telling, so nothing was lost";
}

TEST(CoordinatorRecoveryTest, OnlyAFullDiskIsSaidToWantRoom) {
  FakeCluster cluster;
  const std::string job = cluster.Submit(SmallSpec(1));
  cluster.journal.RefuseWith(absl::ResourceExhaustedError("disk full"));
  EXPECT_THAT(cluster.coordinator().CancelJob(job, ""), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cluster.coordinator().CheckStorage(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("until there is room")));
  cluster.journal.RefuseWith(absl::UnavailableError("disk I/O error"));
  EXPECT_THAT(cluster.coordinator().CancelJob(job, ""), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(cluster.coordinator().CheckStorage(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("until it can")));
}

TEST(CoordinatorAdmissionTest, GivesTheSameJobForTheSameRequest) {
  FakeCluster cluster;
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  (*request.mutable_spec()->mutable_labels())["a"] = "1";
  (*request.mutable_spec()->mutable_labels())["b"] = "2";
  request.set_request_id("8e9b2c1e");
  ASSERT_OK_AND_ASSIGN(const v1::Job first, cluster.coordinator().CreateJob(request));
  cluster.RestartCoordinator();
  ASSERT_OK_AND_ASSIGN(const v1::Job second, cluster.coordinator().CreateJob(request));
  EXPECT_EQ(first.name(), second.name());
  EXPECT_EQ(first.uid(), second.uid());
  EXPECT_EQ(cluster.coordinator().ListJobs().size(), 1);

  request.mutable_spec()->set_priority(5);
  EXPECT_THAT(cluster.coordinator().CreateJob(request),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(first.name())));
}

TEST(CoordinatorAdmissionTest, SaysThatTheJobOfARequestWasDeleted) {
  FakeCluster cluster;
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  request.set_request_id("8e9b2c1e");
  ASSERT_OK_AND_ASSIGN(const v1::Job job, cluster.coordinator().CreateJob(request));
  ASSERT_OK(cluster.coordinator().CancelJob(job.name(), "").status());
  ASSERT_OK(cluster.coordinator().DeleteJob(job.name()));
  const absl::StatusOr<v1::Job> again = cluster.coordinator().CreateJob(request);
  EXPECT_THAT(again, StatusIs(absl::StatusCode::kNotFound, HasSubstr("was deleted since; use a fresh one")));
  EXPECT_EQ(GetReason(again.status()), "JOB_DELETED");
}

TEST(CoordinatorAdmissionTest, OnlyChecksWhenAskedTo) {
  FakeCluster cluster;
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  request.set_validate_only(true);
  ASSERT_OK_AND_ASSIGN(const v1::Job job, cluster.coordinator().CreateJob(request));
  EXPECT_EQ(job.name(), "");
  EXPECT_EQ(job.spec().max_restarts(), 3) << "defaults are shown";
  EXPECT_TRUE(cluster.coordinator().ListJobs().empty());
  request.mutable_spec()->clear_stages();
  EXPECT_THAT(cluster.coordinator().CreateJob(request), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(CoordinatorAdmissionTest, TurnsAJobInInitIntoItsFolder) {
  FakeCluster cluster;
  cluster.AddAgent("nodes/a", 2);
  const std::string first = cluster.Submit(SmallSpec(1));
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec(1, "second");
  v1::InitSpec* init = request.mutable_spec()->mutable_stages(0)->mutable_pretrain()->mutable_init();
  init->set_job("jobs/9-none");
  const absl::StatusOr<v1::Job> unknown = cluster.coordinator().CreateJob(request);
  EXPECT_THAT(unknown, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(GetFieldViolations(unknown.status()),
              ElementsAre(::testing::Field(&FieldViolation::field, "stages[0].pretrain.init.job")));

  init->set_job(first);
  EXPECT_THAT(cluster.coordinator().CreateJob(request),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has not finished a stage")));
  cluster.Settle();
  cluster.SayHello(first);
  cluster.EndAll(first, v1::Outcome::FINISHED);
  cluster.Settle();
  ASSERT_OK_AND_ASSIGN(const v1::Job second, cluster.coordinator().CreateJob(request));
  EXPECT_EQ(second.spec().stages(0).pretrain().init().file(), cluster.Get(first).output());
}

TEST(CoordinatorAdmissionTest, RefusesAJobWhenTheQueueIsFull) {
  FakeCluster cluster;
  cluster.options.max_queued_jobs = 2;
  cluster.RestartCoordinator();
  cluster.Submit(SmallSpec());
  cluster.Submit(SmallSpec());
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec();
  EXPECT_THAT(cluster.coordinator().CreateJob(request), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(CoordinatorAdmissionTest, NamesWhatAJobsStateForbids) {
  FakeCluster cluster;
  const std::string job = cluster.Submit(SmallSpec());
  Coordinator& coordinator = cluster.coordinator();
  EXPECT_THAT(coordinator.ResumeJob(job),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("QUEUED")));
  for (const absl::Status& status :
       {coordinator.RestartJob(job, false).status(), coordinator.DeleteJob(job)}) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("QUEUED; cancel")));
    EXPECT_EQ(GetReason(status), "JOB_STATE");
  }
  ASSERT_OK(coordinator.CancelJob(job, "").status());
  EXPECT_THAT(coordinator.PauseJob(job),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("CANCELLED")));
  ASSERT_OK(coordinator.RestartJob(job, true).status());
  EXPECT_EQ(cluster.Get(job).state(), v1::Job::QUEUED);
  ASSERT_OK(coordinator.PauseJob(job).status());
  EXPECT_EQ(cluster.Get(job).state(), v1::Job::PAUSED);
  EXPECT_THAT(coordinator.RestartJob(job, false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("PAUSED; `pretext resume`")));
  ASSERT_OK(coordinator.DeleteJob(job));
  EXPECT_THAT(coordinator.GetJob(job), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(cluster.Submit(SmallSpec()), "jobs/2-xray") << "numbers are not used twice";
}

}  // namespace
}  // namespace pretext
