#include "worker/report/tee_reporter.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/report/recording_reporter.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

TEST(TeeReporterTest, TellsEveryReporterEverything) {
  RecordingReporter first, second;
  TeeReporter tee({&first, &second});
  tee.BeginStage("pretrain", 7);
  v1::Progress progress;
  progress.set_step(8);
  tee.SetProgress(progress);
  tee.AddMetrics(8, {{"pretrain/loss", 5.5}});
  tee.Log(v1::LogLine::WARNING, "slow disk");
  v1::Checkpoint checkpoint;
  checkpoint.set_step(8);
  tee.AddCheckpoint(checkpoint);
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::COLLAPSE);
  tee.AddAlarm(alarm);
  tee.FinishStage("pretrain");
  for (const RecordingReporter* told : {&first, &second}) {
    ASSERT_EQ(told->begins().size(), 1);
    EXPECT_EQ(told->begins()[0].stage, "pretrain");
    EXPECT_EQ(told->begins()[0].step, 7);
    ASSERT_EQ(told->progress().size(), 1);
    EXPECT_EQ(told->progress()[0].step(), 8);
    EXPECT_THAT(told->Values("pretrain/loss"), ElementsAre(std::make_pair(8, 5.5)));
    ASSERT_EQ(told->lines().size(), 1);
    EXPECT_EQ(told->lines()[0].severity, v1::LogLine::WARNING);
    EXPECT_EQ(told->lines()[0].text, "slow disk");
    ASSERT_EQ(told->checkpoints().size(), 1);
    EXPECT_EQ(told->checkpoints()[0].step(), 8);
    ASSERT_EQ(told->alarms().size(), 1);
    EXPECT_EQ(told->alarms()[0].kind(), v1::Alarm::COLLAPSE);
    EXPECT_THAT(told->finished_stages(), ElementsAre("pretrain"));
  }
}

TEST(TeeReporterTest, StopsWhenAnyOfThemAsksTo) {
  RecordingReporter first, second;
  TeeReporter tee({&first, &second});
  EXPECT_FALSE(tee.stop_requested());
  second.StopAtStep(3);
  tee.AddMetrics(2, {});
  EXPECT_FALSE(tee.stop_requested());
  tee.AddMetrics(3, {});
  EXPECT_TRUE(tee.stop_requested());
}

}  // namespace
}  // namespace pretext
