// Which job may write to which folder, and what becomes of a job whose folder was removed.

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/fake_cluster.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;

class CoordinatorFoldersTest : public ::testing::Test {
 protected:
  CoordinatorFoldersTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/folders.XXXXXX");
    out_ = absl::StrCat(mkdtemp(folder.data()), "/out");
    cluster_.options.outputs_are_here = true;
    cluster_.RestartCoordinator();
    cluster_.AddAgent("nodes/a", 4);
  }
  Coordinator& coordinator() { return cluster_.coordinator(); }

  v1::JobSpec Spec() const {
    v1::JobSpec spec = SmallSpec(1);
    spec.set_output(out_);
    return spec;
  }
  absl::Status Create(const std::string& output) {
    v1::CreateJobRequest request;
    *request.mutable_spec() = Spec();
    request.mutable_spec()->set_output(output);
    return coordinator().CreateJob(request).status();
  }
  std::string CheckpointFolder(int64_t step) const {
    return absl::StrCat(out_, "/checkpoints/pretrain-", step);
  }

  // A job that runs and has written one checkpoint.
  std::string Run() {
    const std::string job = cluster_.Submit(Spec());
    cluster_.Settle();
    cluster_.SayHello(job);
    fs::create_directories(CheckpointFolder(50));
    std::ofstream(out_ + "/job.yaml") << "name: xray\n";
    v1::ReportRequest report = cluster_.MakeCheckpointReport(job, 50);
    report.mutable_checkpoints(0)->set_path(CheckpointFolder(50));
    EXPECT_OK(cluster_.Report(report));
    return job;
  }
  std::string RunAndPause() {
    const std::string job = Run();
    EXPECT_OK(coordinator().PauseJob(job).status());
    cluster_.EndAll(job, v1::Outcome::STOPPED);
    cluster_.Settle();
    EXPECT_EQ(cluster_.Get(job).state(), v1::Job::PAUSED);
    return job;
  }
  std::string RunAndCancel() {
    const std::string job = Run();
    EXPECT_OK(coordinator().CancelJob(job, "").status());
    cluster_.EndAll(job, v1::Outcome::STOPPED);
    cluster_.Settle();
    EXPECT_EQ(cluster_.Get(job).state(), v1::Job::CANCELLED);
    return job;
  }

  FakeCluster cluster_;
  std::string out_;
};

TEST_F(CoordinatorFoldersTest, AFolderBelongsToTheJobThatRunsInIt) {
  const std::string job = Run();
  const absl::Status status = Create(out_ + "/./");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(job)));
  EXPECT_EQ(GetReason(status), "OUTPUT_IN_USE");
  ASSERT_EQ(GetFieldViolations(status).size(), 1);
  EXPECT_EQ(GetFieldViolations(status)[0].field, "output");
  EXPECT_EQ(status.message(), absl::StrCat("output: ", GetFieldViolations(status)[0].description));
}

TEST_F(CoordinatorFoldersTest, AFolderBelongsToTheJobThatHasRunInIt) {
  const std::string job = RunAndCancel();
  EXPECT_THAT(Create(out_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     AllOf(HasSubstr(absl::StrCat("`pretext restart ", job, "`")),
                                           HasSubstr(absl::StrCat("`pretext delete ", job, "`")))));
}

TEST_F(CoordinatorFoldersTest, AJobThatNeverRanLeavesItsFolderFree) {
  v1::JobSpec spec = Spec();
  spec.mutable_resources()->set_world_size(64);
  const std::string job = cluster_.Submit(spec);
  EXPECT_THAT(Create(out_), StatusIs(absl::StatusCode::kFailedPrecondition)) << "it may run yet";
  ASSERT_OK(coordinator().CancelJob(job, "").status());
  EXPECT_OK(Create(out_));
  EXPECT_THAT(coordinator().RestartJob(job, false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("jobs/2")))
      << "now another one has it";
}

TEST_F(CoordinatorFoldersTest, ADeletedJobsResultsAreNotMixedWithANewJobs) {
  const std::string job = RunAndCancel();
  ASSERT_OK(coordinator().DeleteJob(job));
  EXPECT_THAT(Create(out_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     AllOf(HasSubstr("not here any more"), HasSubstr("remove or rename"))));
  fs::remove_all(out_);
  EXPECT_OK(Create(out_));
}

TEST_F(CoordinatorFoldersTest, APausedJobDoesNotBeginAnewInSilence) {
  const std::string job = RunAndPause();
  fs::remove_all(out_);
  const absl::StatusOr<v1::Job> resumed = coordinator().ResumeJob(job);
  EXPECT_THAT(resumed, StatusIs(absl::StatusCode::kFailedPrecondition,
                                AllOf(HasSubstr(out_), HasSubstr("step 50"),
                                      HasSubstr("restart jobs/1-xray --from-start"))));
  EXPECT_EQ(GetReason(resumed.status()), "CHECKPOINTS_GONE");
  fs::create_directories(CheckpointFolder(50));
  EXPECT_OK(coordinator().ResumeJob(job).status());
}

TEST_F(CoordinatorFoldersTest, ASettledJobBeginsAnewOnlyWhenAskedTo) {
  const std::string job = RunAndCancel();
  fs::remove_all(out_ + "/checkpoints");
  EXPECT_THAT(coordinator().RestartJob(job, false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("checkpoints are gone")));
  EXPECT_OK(coordinator().RestartJob(job, true).status());
}

TEST_F(CoordinatorFoldersTest, AFailedAttemptIsNotTriedAgainFromNothing) {
  const std::string job = Run();
  fs::remove_all(out_);
  cluster_.AgentOf(job, 0).Kill(job, 0, 9);
  cluster_.Settle();
  const v1::Job failed = cluster_.Get(job);
  EXPECT_EQ(failed.state(), v1::Job::FAILED);
  EXPECT_THAT(failed.reason(), AllOf(HasSubstr("signal 9"), HasSubstr("--from-start")));
}

// Two stages, of which the first is finished, with checkpoints of both.
TEST_F(CoordinatorFoldersTest, TheCheckpointsOfAFinishedStageAreNotThoseOfTheNext) {
  v1::JobSpec spec = Spec();
  *spec.add_stages() = spec.stages(0);
  spec.mutable_stages(0)->set_name("pretrain");
  spec.mutable_stages(1)->set_name("again");
  const std::string job = cluster_.Submit(spec);
  cluster_.Settle();
  cluster_.SayHello(job);
  const std::string next = absl::StrCat(out_, "/checkpoints/again-70");
  fs::create_directories(CheckpointFolder(50));
  v1::ReportRequest report = cluster_.MakeCheckpointReport(job, 50);
  report.mutable_checkpoints(0)->set_path(CheckpointFolder(50));
  report.add_finished_stages("pretrain");
  ASSERT_OK(cluster_.Report(report));
  ASSERT_OK(coordinator().PauseJob(job).status());
  cluster_.EndAll(job, v1::Outcome::STOPPED);
  cluster_.Settle();
  fs::remove_all(CheckpointFolder(50));
  ASSERT_OK(coordinator().ResumeJob(job).status()) << "the next stage begins with the results of the first";
  cluster_.Settle();
  cluster_.SayHello(job);
  fs::create_directories(CheckpointFolder(50));
  fs::create_directories(next);
  report = cluster_.MakeCheckpointReport(job, 70);
  report.mutable_checkpoints(0)->set_stage("again");
  report.mutable_checkpoints(0)->set_path(next);
  ASSERT_OK(cluster_.Report(report));
  ASSERT_OK(coordinator().PauseJob(job).status());
  cluster_.EndAll(job, v1::Outcome::STOPPED);
  cluster_.Settle();
  fs::remove_all(next);
  const absl::StatusOr<v1::Job> resumed = coordinator().ResumeJob(job);
  EXPECT_THAT(resumed, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("step 70 of 'again'")));
  EXPECT_EQ(GetReason(resumed.status()), "CHECKPOINTS_GONE");
  fs::create_directories(absl::StrCat(out_, "/checkpoints/again-60"));
  EXPECT_OK(coordinator().ResumeJob(job).status()) << "there is one before it";
}

TEST_F(CoordinatorFoldersTest, ARoundLooksIntoNoFolderOfAnotherMachine) {
  cluster_.options.outputs_are_here = false;
  cluster_.RestartCoordinator();
  const std::string job = Run();
  fs::remove_all(out_ + "/checkpoints");
  cluster_.AgentOf(job, 0).Kill(job, 0, 9);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2) << "its ranks look themselves";
}

TEST_F(CoordinatorFoldersTest, AFolderOnAnotherMachineIsNotMissed) {
  cluster_.options.outputs_are_here = false;
  cluster_.RestartCoordinator();
  const std::string job = RunAndPause();
  fs::remove_all(out_);
  EXPECT_OK(coordinator().ResumeJob(job).status());
}

TEST_F(CoordinatorFoldersTest, AFailedAttemptGoesOnFromItsCheckpoint) {
  const std::string job = Run();
  cluster_.AgentOf(job, 0).Kill(job, 0, 9);
  cluster_.Settle();
  EXPECT_EQ(cluster_.Get(job).attempt(), 2);
}

}  // namespace
}  // namespace pretext
