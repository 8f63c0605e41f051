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

TEST(StepReportTest, WhatIsNotMeasuredInEveryStepIsToldOnlyWhenItWas) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/40), &reporter, &clock);
  for (int64_t step = 1; step <= 4; ++step) {
    StepReading reading = ReadingOf(step, 1);
    if (step == 2) reading.values.emplace_back("moco_gradient_norm", 3);
    report.Add(reading);
  }
  EXPECT_EQ(reporter.Values("pretrain/moco_gradient_norm"), (std::map<int64_t, double>{{2, 3.0}}));
  EXPECT_EQ(report.newest().at("moco_gradient_norm"), 3);
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

TEST(StepReportTest, SaysThatAStepWithoutALossPrepares) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/2), &reporter, &clock);
  StepReading reading = ReadingOf(1, 0);
  reading.values.erase(reading.values.begin());
  report.Add(reading);
  EXPECT_EQ(reporter.progress().back().phase(), "preparing");
  EXPECT_EQ(reporter.Values("pretrain/loss").size(), 0);
  clock.Advance(absl::Seconds(1));
  report.Add(ReadingOf(2, 1));
  EXPECT_EQ(reporter.progress().back().phase(), "training");
}

TEST(StepReportTest, RaisesAnAlarmOnceAndMarksTheCurve) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/500), &reporter, &clock);
  for (int64_t step = 1; step <= 500; ++step) report.Add(ReadingOf(step, /*loss=*/4.2));
  ASSERT_EQ(reporter.alarms().size(), 1);
  const v1::Alarm alarm = reporter.alarms()[0];
  EXPECT_EQ(alarm.kind(), v1::Alarm::NOT_LEARNING);
  EXPECT_EQ(alarm.stage(), "pretrain");
  EXPECT_EQ(alarm.step(), 250);
  EXPECT_EQ(reporter.Values("pretrain/alarm_not_learning"), (std::map<int64_t, double>{{250, 1.0}}));
}

// A value that is measured now and then is not told again at the steps between.
TEST(StepReportTest, TellsAValueOfSomeStepsAtThoseAlone) {
  FakeClock clock;
  RecordingReporter reporter;
  StepReport report(Options(/*steps=*/10), &reporter, &clock);
  for (int64_t step = 1; step <= 10; ++step) {
    StepReading reading = ReadingOf(step, 1);
    if (step % 5 == 0) reading.values.emplace_back("effective_rank", 3.0 + step);
    report.Add(reading);
  }
  EXPECT_EQ(reporter.Values("pretrain/effective_rank"), (std::map<int64_t, double>{{5, 8.0}, {10, 13.0}}));
  EXPECT_EQ(report.newest().at("effective_rank"), 13.0);
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
