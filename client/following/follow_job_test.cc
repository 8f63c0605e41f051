#include "client/following/follow_job.h"

#include "client/session/exit_codes.h"
#include "client/session/fake_context.h"
#include "client/session/find_job.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class FollowJobTest : public ::testing::Test {
 protected:
  FollowJobTest() { fake_.AddJob("jobs/1", v1::Job::QUEUED) = Job(v1::Job::QUEUED); }

  static v1::Job Job(v1::Job::State state, int64_t step = 0) {
    v1::Job job;
    job.set_name("jobs/1");
    job.set_state(state);
    job.set_attempt(1);
    job.set_output("/out dir");
    job.mutable_spec()->set_max_restarts(3);
    job.mutable_spec()->add_stages()->set_name("learn");
    job.mutable_spec()->mutable_stages(0)->mutable_pretrain();
    job.mutable_spec()->add_stages()->set_name("probe");
    job.mutable_spec()->mutable_stages(1)->mutable_evaluate();
    if (step > 0) {
      job.mutable_progress()->set_stage("learn");
      job.mutable_progress()->set_step(step);
      job.mutable_progress()->set_steps(100);
      (*job.mutable_progress()->mutable_metrics())["learn/loss"] = 2.5;
      (*job.mutable_progress()->mutable_metrics())["learn/chance_loss"] = 4.25;
    }
    return job;
  }
  // Finds the job and follows it to its end; `out` and `err` hold what was written, and nothing older.
  int Follow(OutputFormat format = OutputFormat::kTable) {
    fake_.ClearStreams();
    absl::StatusOr<int> code = 0;
    const absl::StatusOr<v1::Job> job = FindJob("1", &fake_.client);
    EXPECT_TRUE(job.ok()) << job.status();
    if (job.ok()) code = FollowJob(job->name(), format, fake_.context);
    if (code.ok()) return *code;
    fake_.err << code.status().message();
    return ExitCodeFor(code.status());
  }
  void AddMetric(const std::string& name, double value) {
    fake_.client.metrics.emplace_back();
    fake_.client.metrics.back().set_metric(name);
    fake_.client.metrics.back().set_value(value);
  }
  void AddLog(v1::LogLine::Severity severity, const std::string& text) {
    fake_.client.logs.emplace_back();
    fake_.client.logs.back().set_severity(severity);
    fake_.client.logs.back().set_text(text);
  }

  FakeContext fake_;
};

TEST_F(FollowJobTest, ShowsStagesAsTheyEndAndWhatToTypeNext) {
  v1::Job waiting = Job(v1::Job::QUEUED);
  waiting.set_reason("needs 1 CPU slot, 0 are free");
  fake_.client.coming = {waiting, waiting, Job(v1::Job::RUNNING, 50), Job(v1::Job::SUCCEEDED, 100)};
  fake_.client.artifacts = {{"exported/backbone.safetensors", ""}, {"log.txt", ""}};
  AddMetric("probe/knn_top1", 0.5);
  AddMetric("probe/knn_top1_low", 0.431);
  AddMetric("probe/knn_top1_high", 0.569);
  AddMetric("probe/knn_pictures", 200);
  EXPECT_EQ(Follow(), 0);
  EXPECT_EQ(fake_.out.str(),
            "queued: needs 1 CPU slot, 0 are free\n"
            "[1/2] learn  50 %  step 50/100  loss 2.5 (chance 4.25)\n"
            "[1/2] learn done: loss 2.5 (chance 4.25)\n"
            "[2/2] probe done: knn 50.0 % (95 %: 43.1 to 56.9) on 200 held-out pictures\n"
            "jobs/1 succeeded\n"
            "\n"
            "Weights  '/out dir/exported/backbone.safetensors'  (torchvision's names)\n"
            "Curves   '/out dir'/plots/  and  tensorboard --logdir '/out dir'\n"
            "Next     pretext finetune --data LABELLED --from '/out dir'\n"
            "         pretext metrics jobs/1\n");
  EXPECT_EQ(fake_.err.str(), "");
}

TEST_F(FollowJobTest, OfManyWeightsTheBackboneIsNamed) {
  fake_.client.coming = {Job(v1::Job::SUCCEEDED)};
  fake_.client.artifacts = {
      {"exported/a.safetensors", ""}, {"exported/backbone.safetensors", ""}, {"exported/b.safetensors", ""}};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("Weights  '/out dir/exported/backbone.safetensors'  (torchvision's names)\n"
                        "         and 2 other files beside it\n"
                        "Curves   "));
}

TEST_F(FollowJobTest, OfAJobThatFinetunesTheClassifierIsNamed) {
  v1::Job job = Job(v1::Job::SUCCEEDED);
  job.mutable_spec()->clear_stages();
  job.mutable_spec()->add_stages()->mutable_finetune();
  job.mutable_spec()->mutable_stages(0)->set_name("tune");
  fake_.client.coming = {job};
  fake_.client.artifacts = {{"exported/backbone.safetensors", ""}, {"exported/tune.safetensors", ""}};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("Weights  '/out dir/exported/tune.safetensors'  (torchvision's names)\n"
                        "         and 1 other file beside it\n"));
}

TEST_F(FollowJobTest, AJobThatTrainsNothingHasResultsAndNoCurves) {
  v1::Job job = Job(v1::Job::SUCCEEDED);
  job.mutable_spec()->clear_stages();
  job.mutable_spec()->add_stages()->mutable_evaluate();
  fake_.client.coming = {job};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("succeeded\n\nResults  '/out dir'/results/\nNext     pretext metrics jobs/1\n"));
}

TEST_F(FollowJobTest, AStageThatWasOverBeforeItWasSeenHasItsLossToo) {
  fake_.client.coming = {Job(v1::Job::SUCCEEDED)};
  AddMetric("learn/loss", 2.5);
  AddMetric("learn/chance_loss", 4.25);
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("[1/2] learn done: loss 2.5 (chance 4.25)\n"));
}

TEST_F(FollowJobTest, ATerminalHasOneLineThatIsRedrawn) {
  fake_.context.out_is_terminal = true;
  fake_.context.terminal_width = [] { return 60; };
  fake_.client.coming = {Job(v1::Job::RUNNING, 25), Job(v1::Job::RUNNING, 25), Job(v1::Job::RUNNING, 75),
                         Job(v1::Job::SUCCEEDED, 100)};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(),
              StartsWith("[1/2] learn  [###            ]  25 %  loss 2.5 (chance 4.25)"
                         "\r\x1b[2K[1/2] learn  [###########    ]  75 %  loss 2.5 (chance 4.25)"
                         "\r\x1b[2K[1/2] learn done: loss 2.5 (chance 4.25)\n"
                         "[2/2] probe done: no result was reported\n"
                         "jobs/1 succeeded\n"));
}

TEST_F(FollowJobTest, ElsewhereItWritesSeldom) {
  for (int step = 1; step <= 100; ++step) fake_.client.coming.push_back(Job(v1::Job::RUNNING, step));
  fake_.client.coming.push_back(Job(v1::Job::CANCELLED, 100));
  EXPECT_EQ(Follow(), 11);
  const std::string text = fake_.out.str();
  int lines = 0;
  for (size_t at = 0; (at = text.find("[1/2] learn  ", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(lines, 4) << "99 looks in 39.6 seconds: one at the start, then one in ten seconds\n" << text;
}

TEST_F(FollowJobTest, CtrlCLeavesTheJobAloneAndSaysHowToComeBack) {
  fake_.client.coming = {Job(v1::Job::RUNNING, 5)};
  fake_.on_wait = [] { return false; };
  EXPECT_EQ(Follow(), 130);
  EXPECT_TRUE(fake_.catches_interrupts);
  EXPECT_THAT(fake_.out.str(), HasSubstr("pretext watch jobs/1"));
  EXPECT_EQ(fake_.client.jobs["jobs/1"].state(), v1::Job::RUNNING);
}

TEST_F(FollowJobTest, OutlastsTheCoordinator) {
  fake_.client.coming = {Job(v1::Job::RUNNING, 5)};
  fake_.on_wait = [this] {
    fake_.client.failure = fake_.waits < 10 ? absl::UnavailableError("connection refused") : absl::OkStatus();
    if (fake_.waits == 10) fake_.client.coming = {Job(v1::Job::SUCCEEDED, 100)};
    return true;
  };
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("the coordinator is away; the job goes on, and this tries again\n"));
  EXPECT_THAT(fake_.out.str(), HasSubstr("the coordinator is back\n"));
}

TEST_F(FollowJobTest, GivesUpOnACoordinatorThatStaysAway) {
  fake_.on_wait = [this] {
    fake_.client.failure = absl::UnavailableError("connection refused");
    return true;
  };
  EXPECT_EQ(Follow(), 69);
  EXPECT_THAT(fake_.err.str(), HasSubstr("jobs/1 goes on without it"));
  EXPECT_GE(fake_.waits * absl::Milliseconds(400), kFollowPatience);
}

TEST_F(FollowJobTest, ShowsWarningsOfTheRanks) {
  AddLog(v1::LogLine::INFO, "epoch 1 begins");
  AddLog(v1::LogLine::WARNING, "cannot read disc/broken.jpg:\n not a JPEG");
  fake_.client.coming = {Job(v1::Job::RUNNING, 1), Job(v1::Job::SUCCEEDED, 100)};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("warning of rank 0: cannot read disc/broken.jpg:  not a JPEG\n"));
  EXPECT_THAT(fake_.out.str(), Not(HasSubstr("epoch 1 begins")));
}

TEST_F(FollowJobTest, AFloodOfWarningsIsCutShort) {
  for (int i = 0; i < 50; ++i) AddLog(v1::LogLine::WARNING, absl::StrCat("picture ", i));
  fake_.client.coming = {Job(v1::Job::SUCCEEDED, 100)};
  EXPECT_EQ(Follow(), 0);
  EXPECT_THAT(fake_.out.str(), HasSubstr("picture 19\n"));
  EXPECT_THAT(fake_.out.str(), Not(HasSubstr("picture 20\n")));
  EXPECT_THAT(fake_.out.str(), HasSubstr("... and 30 more warnings: pretext logs jobs/1\n"));
}

TEST_F(FollowJobTest, AFailureIsShownWithItsCauseAndTheLastWordsOfItsRank) {
  AddLog(v1::LogLine::INFO, "loading resnet18");
  v1::Job failed = Job(v1::Job::FAILED, 10);
  failed.set_reason("it failed 4 times, and max_restarts is 3");
  failed.mutable_failure()->set_attempt(1);
  failed.mutable_failure()->set_cause(v1::Failure::OUT_OF_MEMORY);
  failed.mutable_failure()->set_message("rank 0 on nodes/local was killed for want of memory");
  fake_.client.coming = {failed};
  EXPECT_EQ(Follow(), 10);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("jobs/1 failed: it failed 4 times, and max_restarts is 3\n"
                        "OUT_OF_MEMORY: rank 0 on nodes/local was killed for want of memory\n\n"
                        "Last words of rank 0:\n  loading resnet18\n"));
  EXPECT_THAT(fake_.out.str(), HasSubstr("pretext restart jobs/1"));
}

TEST_F(FollowJobTest, AJobThatCannotWorkAsWrittenIsToldOnceAndNotToBeRestarted) {
  const std::string why = "batch_size 256 is more than the 100 pictures; lower it";
  AddLog(v1::LogLine::ERROR, why);
  v1::Job failed = Job(v1::Job::FAILED);
  failed.set_reason(why);
  failed.mutable_failure()->set_attempt(1);
  failed.mutable_failure()->set_cause(v1::Failure::SPEC);
  failed.mutable_failure()->set_message(why);
  fake_.client.coming = {failed};
  EXPECT_EQ(Follow(), 10);
  const std::string text = fake_.out.str();
  EXPECT_EQ(text.find(why), text.rfind(why)) << text;
  EXPECT_THAT(text, HasSubstr("submit it as a new job"));
  EXPECT_THAT(text, Not(HasSubstr("restart")));
}

TEST_F(FollowJobTest, AJobWithoutItsCheckpointsIsNotToBeRestartedFromThem) {
  v1::Job failed = Job(v1::Job::FAILED);
  failed.set_reason(
      "a rank died; its checkpoints are gone from '/out dir'; `pretext restart jobs/1 --from-start`");
  failed.mutable_failure()->set_cause(v1::Failure::PROCESS);
  failed.mutable_failure()->set_message("a rank died");
  fake_.client.coming = {failed};
  EXPECT_EQ(Follow(), 10);
  EXPECT_THAT(fake_.out.str(), EndsWith("Next            pretext logs jobs/1\n"));
  failed.mutable_failure()->set_cause(v1::Failure::SPEC);
  fake_.client.coming = {failed};
  EXPECT_EQ(Follow(), 10);
  EXPECT_THAT(fake_.out.str(), EndsWith("Next            pretext logs jobs/1\n")) << "found by a rank";
}

TEST_F(FollowJobTest, OfACancelledJobItIsSaidWhetherItRan) {
  v1::Job cancelled = Job(v1::Job::CANCELLED);
  fake_.client.coming = {cancelled};
  EXPECT_EQ(Follow(), 11);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("jobs/1 was cancelled\n"
                        "Results so far  '/out dir'\n"
                        "Next            pretext restart jobs/1  (from its newest checkpoint)\n"));
  cancelled.set_attempt(0);
  fake_.client.coming = {cancelled};
  EXPECT_EQ(Follow(), 11);
  EXPECT_THAT(fake_.out.str(),
              HasSubstr("jobs/1 was cancelled\nIt never ran.\nNext            pretext restart jobs/1\n"));
}

TEST_F(FollowJobTest, JsonHasADocumentALineAndNothingElse) {
  AddLog(v1::LogLine::WARNING, "not for programs");
  fake_.client.coming = {Job(v1::Job::QUEUED), Job(v1::Job::RUNNING, 1), Job(v1::Job::RUNNING, 2),
                         Job(v1::Job::SUCCEEDED, 100)};
  EXPECT_EQ(Follow(OutputFormat::kJson), 0);
  std::istringstream lines(fake_.out.str());
  std::vector<std::string> states;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json job = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(job.is_object()) << line;
    states.push_back(job["state"]);
  }
  EXPECT_THAT(states, ElementsAre("RUNNING", "SUCCEEDED"));
}

}  // namespace
}  // namespace pretext
