#include "server/coordinator/coordinator.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/status_matchers.h"
#include "server/coordinator/fake_cluster.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class CoordinatorTest : public ::testing::Test {
 protected:
  // A job of two ranks, one on each of two nodes, that trains.
  std::string RunningPair() {
    cluster_.AddAgent("nodes/a", 1);
    cluster_.AddAgent("nodes/b", 1);
    const std::string job = cluster_.Submit(SmallSpec(2));
    cluster_.Settle();
    cluster_.SayHello(job);
    EXPECT_EQ(cluster_.Get(job).state(), v1::Job::RUNNING);
    return job;
  }
  Coordinator& coordinator() { return cluster_.coordinator(); }

  FakeCluster cluster_;
};

TEST_F(CoordinatorTest, TakesAJobFromTheQueueToItsEnd) {
  const std::string job = cluster_.Submit(SmallSpec(2));
  EXPECT_EQ(job, "jobs/1-xray");
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::QUEUED);
  EXPECT_NE(cluster_.Get(job).reason(), "") << "it says what it waits for";

  FakeAgent& agent = cluster_.AddAgent("nodes/a", 2);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::STARTING);
  EXPECT_THAT(agent.Running(), ElementsAre("jobs/1-xray/1/0", "jobs/1-xray/1/1"));
  ASSERT_EQ(agent.answer().ranks_size(), 2);
  EXPECT_EQ(agent.answer().ranks(1).local_world_size(), 2);
  EXPECT_EQ(agent.answer().ranks(1).world_size(), 2);
  EXPECT_THAT(agent.answer().ranks(1).spec().output(), ::testing::EndsWith("/jobs/1-xray"));

  ASSERT_OK(cluster_.Report(cluster_.MakeReport(job, 0)));
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::STARTING) << "one rank has not said hello";
  ASSERT_OK(cluster_.Report(cluster_.MakeReport(job, 1)));
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::RUNNING);

  cluster_.EndAll(job, v1::Outcome::FINISHED);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::SUCCEEDED);
  EXPECT_TRUE(cluster_.Get(job).has_end_time());
  EXPECT_THAT(agent.Running(), IsEmpty());
  EXPECT_EQ(coordinator().ListNodes()[0].cpu_slots_used(), 0);
}

TEST_F(CoordinatorTest, StartsAGangAgainFromItsCheckpointWhenARankIsKilled) {
  const std::string job = RunningPair();
  ASSERT_OK(cluster_.Report(cluster_.MakeCheckpointReport(job, 300)));
  cluster_.AgentOf(job, 1).Kill(job, 1, 9);
  cluster_.Settle();
  const v1::Job again = cluster_.Get(job);
  EXPECT_EQ(again.attempt(), 2);
  EXPECT_EQ(again.restarts(), 1);
  EXPECT_EQ(again.state(), v1::Job::STARTING);
  EXPECT_EQ(again.failure().cause(), v1::Failure::PROCESS);
  EXPECT_EQ(again.failure().rank(), 1);
  EXPECT_THAT(again.failure().message(), HasSubstr("was killed by signal 9 (SIGKILL)"));
  EXPECT_THAT(cluster_.AgentOf(job, 0).Running(), ElementsAre("jobs/1-xray/2/0"))
      << "the old rank 0 was killed";
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Checkpoint> checkpoints, coordinator().ListCheckpoints(job));
  ASSERT_EQ(checkpoints.size(), 1);
  EXPECT_EQ(checkpoints[0].name(), "jobs/1-xray/checkpoints/pretrain-300");
}

v1::Alarm AlarmOf(v1::Alarm::Kind kind, const std::string& task, int64_t step) {
  v1::Alarm alarm;
  alarm.set_kind(kind);
  alarm.set_stage("pretrain");
  alarm.set_task(task);
  alarm.set_step(step);
  return alarm;
}

TEST_F(CoordinatorTest, AnAlarmIsTheJobsOnceHoweverOftenItIsRaised) {
  const std::string job = RunningPair();
  v1::ReportRequest report = cluster_.MakeReport(job, 0);
  *report.add_alarms() = AlarmOf(v1::Alarm::COLLAPSE, "", 120);
  ASSERT_OK(cluster_.Report(report));
  ASSERT_OK(cluster_.Report(report)) << "the answer was lost";
  cluster_.AgentOf(job, 1).Kill(job, 1, 9);
  cluster_.Settle();
  report = cluster_.MakeReport(job, 0);
  *report.add_alarms() = AlarmOf(v1::Alarm::COLLAPSE, "", 180);  // the next attempt sees it again
  *report.add_alarms() = AlarmOf(v1::Alarm::SHORTCUT, "jigsaw", 190);
  *report.add_alarms() = AlarmOf(v1::Alarm::SHORTCUT, "rotation", 190);
  *report.add_alarms() = AlarmOf(v1::Alarm::SHORTCUT, "rotation", 190);
  ASSERT_OK(cluster_.Report(report));
  const v1::Job seen = cluster_.Get(job);
  ASSERT_EQ(seen.alarms_size(), 3);
  EXPECT_EQ(seen.alarms(0).step(), 120);
  EXPECT_EQ(seen.alarms(0).attempt(), 1);
  EXPECT_TRUE(seen.alarms(0).has_time());
  EXPECT_EQ(seen.alarms(1).task(), "jigsaw");
  EXPECT_EQ(seen.alarms(1).attempt(), 2);
  EXPECT_EQ(seen.alarms(2).task(), "rotation");
}

TEST_F(CoordinatorTest, AJobThatBeginsAnewHasNoAlarms) {
  const std::string job = RunningPair();
  v1::ReportRequest report = cluster_.MakeReport(job, 0);
  *report.add_alarms() = AlarmOf(v1::Alarm::COLLAPSE, "", 120);
  ASSERT_OK(cluster_.Report(report));
  cluster_.EndAll(job, v1::Outcome::FINISHED);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).alarms_size(), 1);
  ASSERT_OK(coordinator().RestartJob(job, /*from_start=*/true).status());
  EXPECT_EQ(cluster_.Get(job).alarms_size(), 0);
}

TEST_F(CoordinatorTest, WaitsForTheRankThatDiedBeforeItBlamesTheOneThatMissedIt) {
  const std::string job = RunningPair();
  cluster_.AgentOf(job, 0).Exit(job, 0, kRankPeerLost);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 1) << "rank 1 is given time to be found dead";
  cluster_.AgentOf(job, 1).Kill(job, 1, 11);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
  EXPECT_THAT(cluster_.Get(job).failure().message(), HasSubstr("SIGSEGV"));
}

TEST_F(CoordinatorTest, KillsTheRestOfAGangWhenNoCulpritIsFound) {
  const std::string job = RunningPair();
  cluster_.AgentOf(job, 0).Exit(job, 0, kRankPeerLost);
  cluster_.Settle();
  cluster_.clock.Advance(cluster_.options.graces.culprit);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
  EXPECT_EQ(cluster_.Get(job).failure().rank(), 0);
}

TEST_F(CoordinatorTest, StopsAfterMaxRestartsAndSaysWhy) {
  cluster_.AddAgent("nodes/a", 1);
  v1::JobSpec spec = SmallSpec(1);
  spec.set_max_restarts(2);
  const std::string job = cluster_.Submit(spec);
  for (int attempt = 1; attempt <= 3; ++attempt) {
    cluster_.Settle();
    ASSERT_EQ(cluster_.Get(job).attempt(), attempt);
    cluster_.AgentOf(job, 0).Exit(job, 0, kRankFault);
  }
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::FAILED);
  EXPECT_EQ(cluster_.Get(job).attempt(), 3);
  EXPECT_THAT(cluster_.Get(job).reason(), HasSubstr("started again 2 times already (max_restarts)"));
}

TEST_F(CoordinatorTest, KeepsTheCauseThatARankTold) {
  const std::string job = RunningPair();
  v1::ReportRequest report = cluster_.MakeReport(job, 1);
  report.mutable_outcome()->set_kind(v1::Outcome::FAILED);
  report.mutable_outcome()->mutable_failure()->set_cause(v1::Failure::DATA);
  report.mutable_outcome()->mutable_failure()->set_message("/data/pictures holds no pictures");
  ASSERT_OK(cluster_.Report(report));
  cluster_.AgentOf(job, 1).Exit(job, 1, kRankBadData);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::FAILED) << "bad data does not get better";
  EXPECT_EQ(cluster_.Get(job).reason(), "/data/pictures holds no pictures");
  EXPECT_EQ(cluster_.Get(job).failure().node(), "nodes/b");
}

TEST_F(CoordinatorTest, PausesAtACheckpointAndResumes) {
  const std::string job = RunningPair();
  ASSERT_OK_AND_ASSIGN(v1::Job paused, coordinator().PauseJob(job));
  EXPECT_EQ(paused.state(), v1::Job::STOPPING);
  ASSERT_OK_AND_ASSIGN(const v1::ReportResponse answer, cluster_.Report(cluster_.MakeReport(job, 0)));
  EXPECT_TRUE(answer.stop());
  cluster_.Settle();
  EXPECT_THAT(cluster_.AgentOf(job, 0).Running(), ElementsAre("jobs/1-xray/1/0 stop"));
  cluster_.EndAll(job, v1::Outcome::STOPPED);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::PAUSED);
  EXPECT_EQ(cluster_.Get(job).attempt(), 1);

  ASSERT_OK(coordinator().ResumeJob(job).status());
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::STARTING);
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
  EXPECT_EQ(cluster_.Get(job).restarts(), 0) << "a pause is no failure";
}

TEST_F(CoordinatorTest, RefusesASpecThatNoListCouldCarry) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec(1);
  (*request.mutable_spec()->mutable_labels())["note"] = std::string(65536, 'x');
  EXPECT_THAT(coordinator().CreateJob(request).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the most is 65536")));
}

TEST_F(CoordinatorTest, RefusesAFolderThatAnUnsettledJobWritesTo) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = SmallSpec(1);
  request.mutable_spec()->set_output("/results/one");
  ASSERT_OK_AND_ASSIGN(const v1::Job first, coordinator().CreateJob(request));
  request.mutable_spec()->set_output("/results/two/../one");
  EXPECT_THAT(coordinator().CreateJob(request).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(first.name())));
  ASSERT_OK(coordinator().CancelJob(first.name(), ""));
  EXPECT_OK(coordinator().CreateJob(request).status());
}

TEST_F(CoordinatorTest, CancelsAQueuedJobAtOnce) {
  const std::string job = cluster_.Submit(SmallSpec());
  ASSERT_OK_AND_ASSIGN(const v1::Job cancelled, coordinator().CancelJob(job, "wrong folder"));
  EXPECT_EQ(cancelled.state(), v1::Job::CANCELLED);
  EXPECT_THAT(cancelled.reason(), HasSubstr("wrong folder"));
  EXPECT_OK(coordinator().CancelJob(job, "again").status()) << "it is left as it is";
}

TEST_F(CoordinatorTest, CancelsAGangThatNoAgentHasStartedYet) {
  FakeAgent& agent = cluster_.AddAgent("nodes/a", 2);
  const std::string job = cluster_.Submit(SmallSpec());
  ASSERT_OK(coordinator().RunOnce());
  ASSERT_EQ(cluster_.Get(job).state(), v1::Job::STARTING);
  ASSERT_OK(coordinator().CancelJob(job, "").status());
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::CANCELLED);
  EXPECT_THAT(agent.Running(), IsEmpty()) << "nothing is started only to be stopped";
}

TEST_F(CoordinatorTest, KillsRanksThatDoNotStopInTime) {
  const std::string job = RunningPair();
  ASSERT_OK(coordinator().CancelJob(job, "").status());
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::STOPPING);
  cluster_.clock.Advance(cluster_.options.graces.stop - absl::Seconds(61));
  for (int i = 0; i < 61; ++i) {
    EXPECT_EQ(cluster_.Get(job).state(), v1::Job::STOPPING);
    cluster_.clock.Advance(absl::Seconds(1));
    for (const char* node : {"nodes/a", "nodes/b"}) ASSERT_OK(cluster_.agent(node).Sync(coordinator()));
  }
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::CANCELLED);
}

TEST_F(CoordinatorTest, MovesAGangAwayFromALostNode) {
  const std::string job = RunningPair();
  FakeAgent& lost = cluster_.agent("nodes/b");
  cluster_.AddAgent("nodes/c", 1);
  cluster_.clock.Advance(cluster_.options.node_lease);
  ASSERT_OK(cluster_.agent("nodes/a").Sync(coordinator()));
  ASSERT_OK(cluster_.agent("nodes/c").Sync(coordinator()));
  for (int i = 0; i < 4; ++i) {
    ASSERT_OK(coordinator().RunOnce());
    ASSERT_OK(cluster_.agent("nodes/a").Sync(coordinator()));
    ASSERT_OK(cluster_.agent("nodes/c").Sync(coordinator()));
  }
  const v1::Job moved = cluster_.Get(job);
  EXPECT_EQ(moved.attempt(), 2);
  EXPECT_EQ(moved.restarts(), 0) << "not the job's fault";
  EXPECT_EQ(moved.failure().cause(), v1::Failure::NODE);
  EXPECT_THAT((std::vector<std::string>{moved.placements(0).node(), moved.placements(1).node()}),
              UnorderedElementsAre("nodes/a", "nodes/c"));
  // It comes back with the old rank, which is killed.
  ASSERT_OK(lost.Sync(coordinator()));
  EXPECT_THAT(lost.Running(), IsEmpty());
}

TEST_F(CoordinatorTest, EndsTheRanksOfAnAgentThatWasRestarted) {
  const std::string job = RunningPair();
  cluster_.agent("nodes/b").Restart();
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
  EXPECT_THAT(cluster_.Get(job).failure().message(), HasSubstr("agent was restarted"));
}

TEST_F(CoordinatorTest, RefusesASecondAgentOfTheSameNameElsewhere) {
  RunningPair();
  FakeAgent other("nodes/a", 4);
  other.incarnation = "other";
  other.capacity.set_host("elsewhere.example");
  EXPECT_THAT(other.Sync(coordinator()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is held by")));
}

TEST_F(CoordinatorTest, TurnsTheAgentAwayThatWasReplaced) {
  RunningPair();
  FakeAgent old = cluster_.agent("nodes/a");
  cluster_.agent("nodes/a").Restart();
  ASSERT_OK(cluster_.agent("nodes/a").Sync(coordinator()));
  EXPECT_THAT(old.Sync(coordinator()), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(CoordinatorTest, NamesTheRankThatIsBehindWhenAGangHangs) {
  const std::string job = RunningPair();
  for (const int rank : {0, 1}) {
    v1::ReportRequest report = cluster_.MakeReport(job, rank);
    report.mutable_progress()->set_stage("pretrain");
    report.mutable_progress()->set_step(rank == 0 ? 12 : 11);
    ASSERT_OK(cluster_.Report(report));
  }
  cluster_.options.hang_timeout = absl::Minutes(30);
  for (int minute = 0; minute < 30; ++minute) {
    EXPECT_EQ(cluster_.Get(job).attempt(), 1);
    cluster_.clock.Advance(absl::Minutes(1));
    for (const char* node : {"nodes/a", "nodes/b"}) ASSERT_OK(cluster_.agent(node).Sync(coordinator()));
  }
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
  EXPECT_EQ(cluster_.Get(job).failure().cause(), v1::Failure::HANG);
  EXPECT_THAT(cluster_.Get(job).failure().message(), AllOf(HasSubstr("rank 1"), HasSubstr("step 11")));
}

TEST_F(CoordinatorTest, FencesReportsOfAnAttemptThatIsOver) {
  const std::string job = RunningPair();
  const v1::ReportRequest late = cluster_.MakeReport(job, 0);
  cluster_.AgentOf(job, 1).Kill(job, 1, 9);
  cluster_.Settle();
  ASSERT_EQ(cluster_.Get(job).attempt(), 2);
  const absl::StatusOr<v1::ReportResponse> answer = cluster_.Report(late);
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kAborted, HasSubstr("attempt 1 of jobs/1-xray is over")));
  EXPECT_EQ(GetReason(answer.status()), "ATTEMPT_OVER");
  v1::PublishRendezvousRequest publish;
  publish.set_job(job);
  publish.set_attempt(1);
  publish.set_address("host:1");
  EXPECT_THAT(coordinator().PublishRendezvous(publish), StatusIs(absl::StatusCode::kAborted));
}

TEST_F(CoordinatorTest, AcknowledgesAReportThatIsSentTwiceOnce) {
  const std::string job = RunningPair();
  v1::ReportRequest report = cluster_.MakeCheckpointReport(job, 100);
  report.add_metrics()->set_metric("pretrain/loss");
  report.add_logs()->set_text("a line");
  report.add_finished_stages("pretrain");
  ASSERT_OK(cluster_.Report(report));
  const int64_t revision = cluster_.Get(job).revision();
  ASSERT_OK(cluster_.Report(report));
  EXPECT_EQ(cluster_.Get(job).revision(), revision);
  ASSERT_OK_AND_ASSIGN(const TelemetryStore::LogPage logs, cluster_.telemetry.ReadLogs(job, {}, 10));
  EXPECT_EQ(logs.lines.size(), 1);
  ASSERT_OK_AND_ASSIGN(const TelemetryStore::MetricPage metrics,
                       cluster_.telemetry.ReadMetrics(job, 0, {}, false, 10));
  ASSERT_EQ(metrics.points.size(), 1);
  EXPECT_EQ(metrics.points[0].attempt(), 1) << "filled in";
}

TEST_F(CoordinatorTest, TellsEveryRankWhereTheGangMeets) {
  const std::string job = RunningPair();
  EXPECT_THAT(coordinator().FindRendezvous(job, 1, 1), StatusIs(absl::StatusCode::kNotFound));
  v1::PublishRendezvousRequest publish;
  publish.set_job(job);
  publish.set_attempt(1);
  publish.set_address("a.example:4000");
  ASSERT_OK(coordinator().PublishRendezvous(publish));
  ASSERT_OK_AND_ASSIGN(const std::string address, coordinator().FindRendezvous(job, 1, 1));
  EXPECT_EQ(address, "a.example:4000");
}

TEST_F(CoordinatorTest, HoldsAnAgentsCallUntilItsRanksChange) {
  FakeAgent& agent = cluster_.AddAgent("nodes/a", 2);
  ASSERT_OK(agent.Sync(coordinator()));
  const int64_t known = agent.answer().revision();
  ASSERT_OK_AND_ASSIGN(v1::SyncAgentResponse answer, coordinator().AnswerAgent("nodes/a", "first"));
  EXPECT_EQ(answer.revision(), known) << "nothing has changed";
  cluster_.Submit(SmallSpec());
  ASSERT_OK(coordinator().RunOnce());
  ASSERT_OK_AND_ASSIGN(answer, coordinator().AnswerAgent("nodes/a", "first"));
  EXPECT_NE(answer.revision(), known);
}

TEST_F(CoordinatorTest, DrainsANode) {
  const std::string job = RunningPair();
  ASSERT_OK_AND_ASSIGN(const v1::Node node, coordinator().SetDraining("nodes/a", true));
  EXPECT_EQ(node.state(), v1::Node::DRAINING);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).state(), v1::Job::RUNNING) << "what runs goes on";
  cluster_.EndAll(job, v1::Outcome::FINISHED);
  const std::string next = cluster_.Submit(SmallSpec(2));
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(next).state(), v1::Job::QUEUED);
  ASSERT_OK(coordinator().SetDraining("nodes/a", false).status());
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(next).state(), v1::Job::STARTING);
  EXPECT_THAT(coordinator().SetDraining("nodes/a", false), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(coordinator().SetDraining("nodes/z", true), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(CoordinatorTest, TellsAgentsToShutDown) {
  FakeAgent& agent = cluster_.AddAgent("nodes/a", 2);
  coordinator().ShutDownAgents();
  EXPECT_FALSE(coordinator().AgentsWereToldToShutDown());
  ASSERT_OK(agent.Sync(coordinator()));
  EXPECT_TRUE(agent.answer().shut_down());
  EXPECT_TRUE(coordinator().AgentsWereToldToShutDown());
}

}  // namespace
}  // namespace pretext
