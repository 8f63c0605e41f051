// Commands that show and change jobs and machines.

#include "client/commands/fake_command_line.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace pretext {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(JobsTest, ListsJobsForPeopleAndForPrograms) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"jobs"}), 0);
  EXPECT_EQ(fake.out.str(), "") << "a remark is no result";
  EXPECT_THAT(fake.err.str(), HasSubstr("No jobs yet"));
  EXPECT_EQ(fake.Run({"jobs", "-o", "json"}), 0);
  EXPECT_EQ(fake.out.str(), "[]\n");

  fake.AddJob("jobs/1-a", v1::Job::RUNNING);
  fake.AddJob("jobs/2-b", v1::Job::QUEUED).set_reason("needs 2 GPUs");
  EXPECT_EQ(fake.Run({"jobs", "--filter", "state = QUEUED", "--order-by", "name desc"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("jobs/2-b  QUEUED"));
  EXPECT_EQ(fake.client.listed.back().filter(), "state = QUEUED");
  EXPECT_EQ(fake.client.listed.back().order_by(), "name desc");
  EXPECT_EQ(fake.Run({"jobs", "-o", "json"}), 0);
  const nlohmann::json jobs = nlohmann::json::parse(fake.out.str());
  ASSERT_EQ(jobs.size(), 2);
  EXPECT_EQ(jobs[1]["reason"], "needs 2 GPUs");
}

TEST(JobsTest, AJobIsFoundByWhatPeopleCallIt) {
  FakeCommandLine fake;
  fake.AddJob("jobs/7-x-ray", v1::Job::RUNNING, "X-Ray");
  fake.AddJob("jobs/71-other", v1::Job::RUNNING, "other");
  for (const char* name : {"jobs/7-x-ray", "7-x-ray", "7", "X-Ray"}) {
    EXPECT_EQ(fake.Run({"status", name}), 0) << name;
    EXPECT_THAT(fake.out.str(), HasSubstr("jobs/7-x-ray  RUNNING")) << name;
  }
}

TEST(JobsTest, AJobThatIsNotThereIsAnsweredWithTheNearest) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"status", "7"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr("there are none yet"));
  fake.AddJob("jobs/7-xray", v1::Job::RUNNING, "xray");
  EXPECT_EQ(fake.Run({"status", "jobs/7-xry"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr("did you mean jobs/7-xray?"));
}

TEST(JobsTest, ANameOfSeveralJobsIsNotGuessed) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1-xray", v1::Job::FAILED, "xray");
  fake.AddJob("jobs/2-xray", v1::Job::RUNNING, "xray");
  EXPECT_EQ(fake.Run({"cancel", "xray"}), 64);
  EXPECT_THAT(fake.err.str(),
              HasSubstr("2 jobs are named 'xray': jobs/1-xray (FAILED), jobs/2-xray (RUNNING)"));
}

TEST(JobsTest, StatusIsADocumentForPrograms) {
  FakeCommandLine fake;
  fake.AddJob("jobs/7-xray", v1::Job::RUNNING);
  EXPECT_EQ(fake.Run({"status", "7", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())["state"], "RUNNING");
  EXPECT_EQ(fake.Run({"status", "7", "-o", "yaml"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("state: RUNNING\n"));
}

TEST(JobsTest, ExplainSaysWhyAJobWaitsAndWhatIsFree) {
  FakeCommandLine fake;
  v1::Job& job = fake.AddJob("jobs/7-xray", v1::Job::QUEUED);
  job.set_reason("needs 2 GPUs, 1 of 2 is free");
  job.mutable_spec()->mutable_resources()->set_world_size(2);
  job.mutable_spec()->mutable_resources()->set_device(v1::Resources::GPU);
  fake.client.nodes["nodes/a"].set_name("nodes/a");
  EXPECT_EQ(fake.Run({"explain", "7"}), 0);
  EXPECT_THAT(
      fake.out.str(),
      HasSubstr("jobs/7-xray QUEUED: needs 2 GPUs, 1 of 2 is free\nIt needs 2 GPUs at once, priority 0.\n"));
  EXPECT_THAT(fake.out.str(), HasSubstr("nodes/a"));
  job.set_state(v1::Job::RUNNING);
  job.clear_reason();
  EXPECT_EQ(fake.Run({"explain", "7"}), 0);
  EXPECT_EQ(fake.out.str(), "jobs/7-xray RUNNING\n");
}

TEST(JobsTest, ExplainIsADocumentForPrograms) {
  FakeCommandLine fake;
  fake.AddJob("jobs/7-xray", v1::Job::QUEUED).set_reason("needs 2 GPUs, 1 of 2 is free");
  EXPECT_EQ(fake.Run({"explain", "7", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())["nodes"], nlohmann::json::array());
  fake.client.nodes["nodes/a"].set_name("nodes/a");
  EXPECT_EQ(fake.Run({"explain", "7", "-o", "json"}), 0);
  const nlohmann::json explained = nlohmann::json::parse(fake.out.str());
  EXPECT_EQ(explained["job"]["reason"], "needs 2 GPUs, 1 of 2 is free");
  EXPECT_EQ(explained["nodes"][0]["name"], "nodes/a");
  EXPECT_EQ(fake.Run({"explain", "7", "-o", "yaml"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("  state: QUEUED\n"));
}

TEST(JobsTest, ChangesWhatItIsToldTo) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::RUNNING);
  EXPECT_EQ(fake.Run({"pause", "1"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("jobs/1 is PAUSED"));
  EXPECT_EQ(fake.Run({"resume", "1"}), 0);
  EXPECT_EQ(fake.Run({"cancel", "1", "--reason", "a better idea"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("jobs/1 is CANCELLED"));
  EXPECT_EQ(fake.Run({"restart", "1", "--from-start"}), 64) << "nobody is there to answer";
  EXPECT_THAT(fake.client.calls, Not(Contains("RestartJob from start jobs/1")));
  EXPECT_EQ(fake.Run({"restart", "1", "--from-start", "--yes", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())["state"], "QUEUED");
  EXPECT_THAT(fake.client.calls, Contains("RestartJob from start jobs/1"));
}

TEST(JobsTest, CancelSaysWhetherThereIsACheckpoint) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::QUEUED);
  fake.AddJob("jobs/2", v1::Job::RUNNING).set_attempt(1);
  EXPECT_EQ(fake.Run({"cancel", "1", "2"}), 0);
  EXPECT_EQ(fake.out.str(), "jobs/1 is CANCELLED; it never ran\njobs/2 is CANCELLED\n")
      << "it was cancelled before its first checkpoint";
  fake.client.checkpoints.emplace_back().set_stage("pretrain");
  EXPECT_EQ(fake.Run({"cancel", "2"}), 0);
  EXPECT_EQ(fake.out.str(), "jobs/2 is CANCELLED; its last checkpoint stays\n");
}

TEST(JobsTest, StatusShowsTheScoresOfFinishedStages) {
  FakeCommandLine fake;
  v1::Job& job = fake.AddJob("jobs/1", v1::Job::SUCCEEDED);
  job.mutable_spec()->add_stages()->set_name("probe");
  job.mutable_spec()->mutable_stages(0)->mutable_evaluate();
  v1::MetricPoint& point = fake.client.metrics.emplace_back();
  point.set_metric("probe/knn_top1");
  point.set_value(0.5);
  EXPECT_EQ(fake.Run({"status", "1"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("probe  knn 50.0 %"));
}

TEST(JobsTest, WatchEndsAsTheJobDoes) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::SUCCEEDED);
  fake.AddJob("jobs/2", v1::Job::FAILED);
  EXPECT_EQ(fake.Run({"watch", "1"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("jobs/1 succeeded"));
  EXPECT_EQ(fake.Run({"watch", "2"}), 10);
}

TEST(JobsTest, GoesOnAfterAJobItCouldNotChange) {
  FakeCommandLine fake;
  fake.AddJob("jobs/2", v1::Job::RUNNING);
  EXPECT_EQ(fake.Run({"cancel", "1", "2"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr("there is no job '1'"));
  EXPECT_EQ(fake.client.jobs["jobs/2"].state(), v1::Job::CANCELLED);
}

TEST(JobsTest, DeleteAsksFirst) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::FAILED, "xray");
  EXPECT_EQ(fake.Run({"delete", "1"}), 64) << "nobody is there to answer";
  fake.context.in_is_terminal = true;
  fake.in.str("n\n");
  EXPECT_EQ(fake.Run({"delete", "1"}), 0);
  EXPECT_THAT(fake.err.str(), HasSubstr("jobs/1 was not deleted"));
  EXPECT_EQ(fake.client.jobs.size(), 1);
  fake.in.clear();
  fake.in.str("yes\n");
  EXPECT_EQ(fake.Run({"delete", "1"}), 0);
  EXPECT_THAT(fake.client.jobs, IsEmpty());
}

TEST(JobsTest, DeleteSaysWhatStays) {
  FakeCommandLine fake;
  fake.Write("out/log.txt", "");
  fake.AddJob("jobs/1", v1::Job::FAILED).set_output(fake.Path("out"));
  EXPECT_EQ(fake.Run({"delete", "--yes", "1"}), 0);
  EXPECT_EQ(fake.out.str(),
            absl::StrCat("jobs/1 is deleted; what it wrote to ", fake.Path("out"),
                         " is still there, and has to go before another job can use that folder\n"));
}

TEST(JobsTest, DeleteDoesNotLookHereForTheFolderOfAnotherMachine) {
  FakeCommandLine fake;
  fake.Write("out/log.txt", "");
  fake.AddJob("jobs/1", v1::Job::FAILED).set_output(fake.Path("out"));
  EXPECT_EQ(fake.Run({"delete", "--yes", "1", "--server", "elsewhere:7077"}), 0);
  EXPECT_EQ(fake.out.str(), "jobs/1 is deleted\n");
}

TEST(JobsTest, DeleteShowsProgramsTheJobsAsTheyWere) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::FAILED);
  EXPECT_EQ(fake.Run({"delete", "--yes", "1", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())["state"], "FAILED");
  EXPECT_THAT(fake.client.jobs, IsEmpty());
  fake.AddJob("jobs/2", v1::Job::FAILED);
  fake.AddJob("jobs/3", v1::Job::PAUSED);
  EXPECT_EQ(fake.Run({"delete", "--yes", "2", "3", "-o", "yaml"}), 0);
  EXPECT_THAT(fake.out.str(), ::testing::StartsWith("---\nname: jobs/2\n")) << "two documents";
  EXPECT_THAT(fake.out.str(), HasSubstr("\n---\nname: jobs/3\n"));
}

TEST(JobsTest, ListsCheckpoints) {
  FakeCommandLine fake;
  fake.AddJob("jobs/1", v1::Job::RUNNING);
  EXPECT_EQ(fake.Run({"checkpoints", "1"}), 0);
  EXPECT_THAT(fake.err.str(), HasSubstr("No checkpoint yet"));
  fake.client.checkpoints.emplace_back().set_stage("pretrain");
  EXPECT_EQ(fake.Run({"checkpoints", "1"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("\npretrain"));
  EXPECT_EQ(fake.Run({"checkpoints", "1", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())[0]["stage"], "pretrain");
}

TEST(JobsTest, ListsAndDrainsNodes) {
  FakeCommandLine fake;
  v1::Node& node = fake.client.nodes["nodes/gpu1"];
  node.set_name("nodes/gpu1");
  node.set_state(v1::Node::READY);
  EXPECT_EQ(fake.Run({"nodes"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("nodes/gpu1  READY"));
  EXPECT_EQ(fake.Run({"nodes", "-o", "json"}), 0);
  EXPECT_EQ(nlohmann::json::parse(fake.out.str())[0]["name"], "nodes/gpu1");
  EXPECT_EQ(fake.Run({"drain", "gpu1"}), 0);
  EXPECT_EQ(fake.out.str(), "nodes/gpu1 is DRAINING\n");
  EXPECT_EQ(fake.Run({"undrain", "nodes/gpu1"}), 0);
  EXPECT_EQ(fake.out.str(), "nodes/gpu1 is READY\n");
  EXPECT_EQ(fake.Run({"drain", "gpu2"}), 66);
  EXPECT_THAT(fake.err.str(), HasSubstr("did you mean nodes/gpu1?"));
}

TEST(JobsTest, ShowsVersions) {
  FakeCommandLine fake;
  EXPECT_EQ(fake.Run({"version"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("coordinator  0.1.0, state in /state"));
  EXPECT_EQ(fake.Run({"--version"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("pretext 0.1.0"));
}

}  // namespace
}  // namespace pretext
