#include "worker/train/step_report.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/fake_clock.h"
#include "worker/report/recording_reporter.h"

namespace pretext {
namespace {

StepReading ReadingOf(int64_t step, double loss) {
  StepReading reading;
  reading.step = step;
  reading.values = {{"loss", loss}, {"moco_accuracy", 0.25}, {"data_wait_seconds", 0.5}};
  return reading;
}

StepReportOptions Options(int64_t steps) {
  StepReportOptions options;
  options.stage = "pretrain";
  options.stage_index = 1;
  options.stage_count = 3;
  options.steps = steps;
  options.steps_per_epoch = 10;
  options.batch_size = 64;
  options.constants = {{"chance_loss", 4.2}};
  return options;
}

TEST(IsDetailedStepTest, TakesEveryStepOfAShortStageAndAThousandOfALongOne) {
  int detailed = 0;
  for (int64_t step = 1; step <= 100; ++step) detailed += IsDetailedStep(step, 100);
  EXPECT_EQ(detailed, 100);
  detailed = 0;
  for (int64_t step = 1; step <= 50000; ++step) detailed += IsDetailedStep(step, 50000);
  EXPECT_EQ(detailed, 1001);
  EXPECT_TRUE(IsDetailedStep(1, 50000));
  EXPECT_TRUE(IsDetailedStep(50000, 50000));
}

TEST(StepReportTest, TellsTheLossOfEveryStepAndTheRestAtDetailedOnes) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/5000), &reporter, &clock);
  for (int64_t step = 1; step <= 10; ++step) {
    clock.Advance(absl::Seconds(1));
    report.Add(ReadingOf(step, 5.0 - 0.1 * step));
  }
  EXPECT_EQ(reporter.Values("pretrain/loss").size(), 10);
  EXPECT_EQ(reporter.Values("pretrain/moco_accuracy").size(), 3);  // steps 1, 5 and 10
  EXPECT_EQ(reporter.Values("pretrain/chance_loss")[5], 4.2);
  EXPECT_EQ(reporter.Values("pretrain/data_wait_seconds").size(), 0);
}

TEST(StepReportTest, SaysHowFarItIsAndHowFast) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/40), &reporter, &clock);
  for (int64_t step = 1; step <= 12; ++step) {
    clock.Advance(absl::Seconds(2));
    report.Add(ReadingOf(step, 1));
  }
  const v1::Progress progress = reporter.progress().back();
  EXPECT_EQ(progress.stage(), "pretrain");
  EXPECT_EQ(progress.stage_index(), 1);
  EXPECT_EQ(progress.stage_count(), 3);
  EXPECT_EQ(progress.step(), 12);
  EXPECT_EQ(progress.epoch(), 2);
  EXPECT_EQ(progress.epochs(), 4);
  EXPECT_NEAR(progress.images_per_second(), 32, 1e-9);
  EXPECT_NEAR(progress.data_wait_share(), 0.25, 1e-9);
  EXPECT_NEAR(progress.eta_seconds(), 56, 1e-9);
  EXPECT_EQ(progress.phase(), "training");
  EXPECT_EQ(progress.metrics().at("pretrain/loss"), 1);
}

TEST(StepReportTest, WarnsWhenTrainingGoesWrong) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/400), &reporter, &clock);
  for (int64_t step = 1; step <= 400; ++step) report.Add(ReadingOf(step, /*loss=*/4.2));
  ASSERT_EQ(reporter.lines().size(), 1);
  EXPECT_EQ(reporter.lines()[0].severity, v1::LogLine::WARNING);
  EXPECT_THAT(reporter.lines()[0].text, ::testing::HasSubstr("not learning"));
}

TEST(StepReportTest, OtherRanksTellProgressOnly) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReportOptions options = Options(/*steps=*/10);
  options.rank = 1;
  StepReport report(options, &reporter, &clock);
  report.Add(ReadingOf(1, 1));
  EXPECT_TRUE(reporter.points().empty());
  EXPECT_EQ(reporter.progress().size(), 1);
}

}  // namespace
}  // namespace pretext
