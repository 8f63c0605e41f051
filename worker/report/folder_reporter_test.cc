#include "worker/report/folder_reporter.h"

#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/fake_clock.h"
#include "proto/cpp/status_matchers.h"
#include "worker/report/acknowledged_mark.h"
#include "worker/report/recording_reporter.h"
#include "worker/report/tensorboard_event.pb.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class FolderReporterTest : public testing::Test {
 protected:
  FolderReporterTest()
      : output_(absl::StrCat(testing::TempDir(), "/",
                             testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::remove_all(output_);
    fs::create_directories(output_);
  }

  std::unique_ptr<FolderReporter> Open(int32_t attempt) {
    FolderReporterOptions options;
    options.output = output_;
    options.attempt = attempt;
    options.upstream = &upstream_;
    absl::StatusOr<std::unique_ptr<FolderReporter>> reporter = FolderReporter::Open(options, &clock_);
    EXPECT_OK(reporter);
    return *std::move(reporter);
  }

  // The loss that a deterministic training has at a step.
  static double Loss(int64_t step) { return 8.0 / (1.0 + static_cast<double>(step)); }

  // Steps of (from, to] of a stage.
  static void Train(FolderReporter& reporter, const std::string& stage, int64_t from, int64_t to) {
    for (int64_t step = from + 1; step <= to; ++step) {
      reporter.AddMetrics(step, {{stage + "/loss", Loss(step)}, {stage + "/learning_rate", 0.1}});
    }
  }

  std::vector<MetricsRow> Rows() const {
    std::vector<MetricsRow> rows;
    for (absl::string_view line : absl::StrSplit(Read(output_ + "/metrics.jsonl"), '\n', absl::SkipEmpty())) {
      const absl::optional<MetricsRow> row = FromJsonLine(line);
      EXPECT_TRUE(row.has_value()) << line;
      if (row.has_value()) rows.push_back(*row);
    }
    return rows;
  }
  // "pretrain1 pretrain2 ...", every row of metrics.jsonl.
  std::string Steps() const {
    std::string steps;
    for (const MetricsRow& row : Rows()) absl::StrAppend(&steps, row.stage, row.step, " ");
    return steps;
  }
  // The same of the event files, for the loss.
  std::string EventSteps() const {
    std::string steps;
    for (const std::string& path : ListEventFiles(output_)) {
      const std::string bytes = Read(path);
      for (size_t at = 0; at < bytes.size();) {
        uint64_t length = 0;
        memcpy(&length, bytes.data() + at, sizeof(length));
        tensorboard::Event event;
        EXPECT_TRUE(event.ParseFromString(bytes.substr(at + 12, length)));
        if (event.has_session_log()) steps.clear();
        for (const auto& value : event.summary().value()) {
          const size_t end = value.tag().find("/loss");
          if (end != std::string::npos)
            absl::StrAppend(&steps, value.tag().substr(0, end), event.step(), " ");
        }
        at += length + 16;
      }
    }
    return steps;
  }
  std::vector<std::string> Said() const {
    std::vector<std::string> texts;
    for (const RecordingReporter::Line& line : upstream_.lines()) texts.push_back(line.text);
    return texts;
  }

  const std::string output_;
  FakeClock clock_{absl::FromUnixMillis(1'700'000'000'250)};
  RecordingReporter upstream_;
};

TEST_F(FolderReporterTest, WritesEveryStepToMetricsAndEvents) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("pretrain", 0);
    v1::Progress progress;
    progress.set_stage("pretrain");
    progress.set_epoch(1);
    progress.set_epochs(3);
    progress.set_steps(12);
    reporter->SetProgress(progress);
    Train(*reporter, "pretrain", 0, 4);
    reporter->FinishStage("pretrain");
    reporter->BeginStage("finetune", 0);
    Train(*reporter, "finetune", 0, 2);
  }
  EXPECT_EQ(Steps(), "pretrain1 pretrain2 pretrain3 pretrain4 finetune1 finetune2 ");
  EXPECT_EQ(EventSteps(), Steps());
  const std::vector<MetricsRow> rows = Rows();
  EXPECT_EQ(rows[1].epoch, 1);
  EXPECT_EQ(rows[1].steps, 12);
  EXPECT_EQ(rows[1].attempt, 1);
  EXPECT_EQ(rows[1].time, absl::FromUnixMillis(1'700'000'000'250));
  EXPECT_THAT(rows[1].values, Contains(std::make_pair("pretrain/loss", Loss(2))));
  EXPECT_FALSE(rows[5].epoch.has_value()) << "an epoch of the stage before";
  EXPECT_THAT(Said(), IsEmpty());
  EXPECT_TRUE(fs::exists(output_ + "/plots/pretrain-loss.png"));
}

TEST_F(FolderReporterTest, AResumeLeavesEveryStepOnceAndProvesItself) {
  Open(1)->BeginStage("pretrain", 0);
  {
    const auto reporter = Open(2);
    reporter->BeginStage("pretrain", 0);
    Train(*reporter, "pretrain", 0, 7);
  }
  const auto reporter = Open(3);
  reporter->BeginStage("pretrain", 4);
  EXPECT_EQ(Steps(), "pretrain1 pretrain2 pretrain3 pretrain4 ");
  Train(*reporter, "pretrain", 4, 9);
  EXPECT_EQ(Steps(),
            "pretrain1 pretrain2 pretrain3 pretrain4 pretrain5 pretrain6 pretrain7 pretrain8 pretrain9 ");
  EXPECT_EQ(EventSteps(), Steps());
  const std::vector<std::string> events = ListEventFiles(output_);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(fs::file_size(events[0]), 0) << "it is all in the newer one";
  EXPECT_EQ(Rows()[3].attempt, 2);
  EXPECT_EQ(Rows()[4].attempt, 3);
  EXPECT_THAT(Said(), ElementsAre("resumed after step 4: loss 1.33333 at step 5, the same as before"));
  EXPECT_THAT(Read(output_ + "/log.txt"),
              HasSubstr("INFO rank 0: resumed after step 4: loss 1.33333 at step 5, the same as before\n"));
}

TEST_F(FolderReporterTest, AResumeThatGoesElsewhereIsWarnedOf) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("pretrain", 0);
    Train(*reporter, "pretrain", 0, 7);
  }
  const auto reporter = Open(2);
  reporter->BeginStage("pretrain", 4);
  reporter->AddMetrics(5, {{"pretrain/loss", 7.5}});
  reporter->AddMetrics(6, {{"pretrain/loss", 7.5}});
  ASSERT_THAT(upstream_.lines(), SizeIs(1));
  EXPECT_EQ(upstream_.lines()[0].severity, v1::LogLine::WARNING);
  EXPECT_THAT(upstream_.lines()[0].text, HasSubstr("loss 7.5 at step 5, but 1.33333 before"));
}

TEST_F(FolderReporterTest, AnAttemptThatWasKilledInALaterStageGoesOnThere) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    Train(*reporter, "a", 0, 3);
    reporter->FinishStage("a");
    reporter->BeginStage("b", 0);
    Train(*reporter, "b", 0, 3);
  }
  {
    const auto reporter = Open(2);
    reporter->FinishStage("a");
    reporter->BeginStage("b", 1);
    Train(*reporter, "b", 1, 2);
    EXPECT_EQ(Steps(), "a1 a2 a3 b1 b2 ");
    EXPECT_EQ(EventSteps(), Steps());
  }
  // Back before all of it: the checkpoints are gone.
  const auto reporter = Open(3);
  reporter->BeginStage("a", 2);
  Train(*reporter, "a", 2, 3);
  reporter->BeginStage("b", 0);
  Train(*reporter, "b", 0, 1);
  EXPECT_EQ(Steps(), "a1 a2 a3 b1 ");
  EXPECT_EQ(EventSteps(), Steps());
}

TEST_F(FolderReporterTest, AStepsMetricsStandOnceThoughAStageEndsTwice) {
  const std::vector<std::pair<std::string, double>> judged = {{"a/test_accuracy", 0.5}};
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    Train(*reporter, "a", 0, 2);
    reporter->AddMetrics(2, judged);
    reporter->AddMetrics(2, judged);
  }
  const auto reporter = Open(2);
  reporter->BeginStage("a", 2);
  reporter->AddMetrics(2, judged);
  EXPECT_EQ(Steps(), "a1 a2 a2 ");
  EXPECT_THAT(Rows()[2].values, ElementsAre(judged[0]));
}

TEST_F(FolderReporterTest, AStageOfJudgementsAloneIsJudgedAgain) {
  for (int attempt = 1; attempt <= 2; ++attempt) {
    const auto reporter = Open(attempt);
    reporter->BeginStage("evaluate", 0);
    reporter->AddMetrics(0, {{"evaluate/knn_top1", 0.5}, {"evaluate/chance_accuracy", 0.1}});
    reporter->AddMetrics(0, {{"evaluate/linear_top1", 0.6}, {"evaluate/chance_accuracy", 0.1}});
  }
  ASSERT_EQ(Steps(), "evaluate0 evaluate0 ");
  EXPECT_EQ(Rows()[0].attempt, 2);
  EXPECT_THAT(Rows()[1].values, ElementsAre(std::make_pair("evaluate/linear_top1", 0.6)));
}

TEST_F(FolderReporterTest, ALineThatAKillCutIsDropped) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    Train(*reporter, "a", 0, 3);
  }
  std::ofstream(output_ + "/metrics.jsonl", std::ios::app) << "{\"stage\":\"a\",\"st";
  const auto reporter = Open(2);
  reporter->BeginStage("a", 3);
  Train(*reporter, "a", 3, 4);
  EXPECT_EQ(Steps(), "a1 a2 a3 a4 ");
}

TEST_F(FolderReporterTest, SendsWhatTheCoordinatorLacks) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    Train(*reporter, "a", 0, 6);
  }
  EXPECT_OK(WriteAcknowledgedMark(output_, {"a", 2}));
  const auto reporter = Open(2);
  reporter->BeginStage("a", 4);
  EXPECT_THAT(upstream_.Values("a/loss"),
              ElementsAre(std::make_pair(3, Loss(3)), std::make_pair(4, Loss(4))));
  EXPECT_THAT(upstream_.Values("a/learning_rate"), SizeIs(2));
}

TEST_F(FolderReporterTest, AnotherJobsMetricsAreMovedAside) {
  for (int job = 1; job <= 3; ++job) {
    const auto reporter = Open(1);
    reporter->BeginStage("pretrain", 0);
    Train(*reporter, "pretrain", 0, job);
    reporter->FinishStage("pretrain");
    EXPECT_OK(WriteAcknowledgedMark(output_, {"pretrain", job}));
  }
  EXPECT_EQ(Steps(), "pretrain1 pretrain2 pretrain3 ");
  EXPECT_EQ(EventSteps(), Steps());
  EXPECT_TRUE(fs::exists(output_ + "/earlier-1/metrics.jsonl"));
  EXPECT_TRUE(fs::exists(output_ + "/earlier-2/plots/pretrain-loss.png"));
  EXPECT_THAT(ListEventFiles(output_ + "/earlier-2"), SizeIs(1));
  EXPECT_THAT(Said(), Contains(HasSubstr("metrics of an earlier job are now in " + output_ + "/earlier-2")));
}

TEST_F(FolderReporterTest, AJobThatGoesOnFromAnotherOnesCheckpointKeepsItsCurve) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    Train(*reporter, "a", 0, 3);
  }
  EXPECT_OK(WriteAcknowledgedMark(output_, {"a", 3}));
  const auto reporter = Open(1);
  reporter->BeginStage("a", 2);
  EXPECT_EQ(Steps(), "a1 a2 ");
  EXPECT_THAT(upstream_.Values("a/loss"), SizeIs(2)) << "the coordinator has nothing of this job yet";
}

TEST_F(FolderReporterTest, WritesLogLinesForPeople) {
  const auto reporter = Open(1);
  reporter->Log(v1::LogLine::WARNING, "picture left out: a.jpg\nand another");
  v1::Checkpoint checkpoint;
  checkpoint.set_stage("pretrain");
  checkpoint.set_step(120);
  checkpoint.set_path("/out/checkpoints/pretrain-0000000120");
  checkpoint.set_bytes(4096);
  reporter->AddCheckpoint(checkpoint);
  EXPECT_EQ(Read(output_ + "/log.txt"),
            "2023-11-14T22:13:20.250Z WARNING rank 0: picture left out: a.jpg\n    and another\n"
            "2023-11-14T22:13:20.250Z INFO rank 0: checkpoint of pretrain at step 120: "
            "/out/checkpoints/pretrain-0000000120, 4096 bytes\n");
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::NOT_LEARNING);
  alarm.set_stage("pretrain");
  alarm.set_task("jigsaw");
  alarm.set_step(130);
  alarm.set_text("it is stuck");
  alarm.set_advice("Try less");
  reporter->AddAlarm(alarm);
  EXPECT_THAT(Read(output_ + "/log.txt"),
              testing::EndsWith(
                  "2023-11-14T22:13:20.250Z WARNING rank 0: not learning of jigsaw in stage pretrain at "
                  "step 130: it is stuck. What to do: Try less\n"));
  EXPECT_THAT(upstream_.lines(), IsEmpty()) << "told by others";
  EXPECT_FALSE(reporter->stop_requested());
}

TEST_F(FolderReporterTest, AFullDiskStopsNothingAndIsSaidOnce) {
  const auto reporter = Open(1);
  reporter->BeginStage("a", 0);
  Train(*reporter, "a", 0, 50);
  // A limit of the process, which its longest file meets first, stands in for a full disk.
  signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit limit = unlimited;
  limit.rlim_cur = fs::file_size(output_ + "/metrics.jsonl") + 10;
  setrlimit(RLIMIT_FSIZE, &limit);
  Train(*reporter, "a", 50, 53);
  setrlimit(RLIMIT_FSIZE, &unlimited);
  Train(*reporter, "a", 53, 54);
  EXPECT_THAT(Rows(), SizeIs(51));
  EXPECT_EQ(Rows()[50].step, 54);
  EXPECT_THAT(Said(), ElementsAre(HasSubstr("metrics.jsonl is not written for now"),
                                  "metrics.jsonl is written again; records missing from it: 3"));
}

TEST_F(FolderReporterTest, DrawsTheCurrentStageFromTimeToTime) {
  const auto reporter = Open(1);
  reporter->BeginStage("a", 0);
  Train(*reporter, "a", 0, 5);
  reporter->Flush();
  EXPECT_FALSE(fs::exists(output_ + "/plots"));
  clock_.Advance(absl::Minutes(3));
  Train(*reporter, "a", 5, 6);
  reporter->Flush();
  EXPECT_TRUE(fs::exists(output_ + "/plots/a-loss.png"));
}

TEST_F(FolderReporterTest, AFolderThatCannotBeWrittenIsRefused) {
  FolderReporterOptions options;
  options.output = "/nowhere/at/all";
  EXPECT_THAT(FolderReporter::Open(options, &clock_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nowhere/at/all/log.txt")));
}

TEST_F(FolderReporterTest, IsToldByManyThreads) {
  {
    const auto reporter = Open(1);
    reporter->BeginStage("a", 0);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 1; i <= 100; ++i) {
          reporter->AddMetrics(i, {{absl::StrCat("a/", thread), 1.0 * i}});
          reporter->Log(v1::LogLine::INFO, "line");
          reporter->SetProgress({});
          if (i % 50 == 0) reporter->FinishStage("a");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(Rows().size(), 400);
}

}  // namespace
}  // namespace pretext
