#include "worker/train/training_alarms.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

StepReading ReadingOf(int64_t step, const NamedNumbers& values) {
  StepReading reading;
  reading.step = step;
  reading.values = values;
  return reading;
}

// All alarms of steps 1 .. `until`, each of which reads the same.
std::vector<std::string> LookLong(TrainingAlarms& alarms, int64_t until, const NamedNumbers& values) {
  std::vector<std::string> raised;
  for (int64_t step = 1; step <= until; ++step) {
    for (std::string& alarm : alarms.Look(ReadingOf(step, values))) raised.push_back(std::move(alarm));
  }
  return raised;
}

TEST(TrainingAlarmsTest, HealthyTrainingRaisesNone) {
  TrainingAlarms alarms(1000, {{"chance_loss", 9.0}, {"moco_chance_loss", 9.0}});
  EXPECT_THAT(LookLong(alarms, 1000,
                       {{"loss", 7.5}, {"moco_loss", 7.5}, {"moco_accuracy", 0.6}, {"feature_spread", 0.4}}),
              IsEmpty());
}

TEST(TrainingAlarmsTest, SaysOnceThatFeaturesHaveCollapsed) {
  TrainingAlarms alarms(1000, {});
  EXPECT_THAT(LookLong(alarms, 199, {{"feature_spread", 0.001}}), IsEmpty());
  EXPECT_THAT(LookLong(alarms, 500, {{"feature_spread", 0.001}}),
              ElementsAre(HasSubstr("collapse suspected")));
}

TEST(TrainingAlarmsTest, AShortDipIsNoCollapse) {
  TrainingAlarms alarms(1000, {});
  for (int64_t step = 1; step <= 1000; ++step) {
    EXPECT_THAT(alarms.Look(ReadingOf(step, {{"feature_spread", step % 150 == 0 ? 0.3 : 0.001}})), IsEmpty());
  }
}

// A plateau of ln 4096 is the uniform guess over 4096 outputs.
TEST(TrainingAlarmsTest, SaysWhichLossStaysAtChance) {
  TrainingAlarms alarms(1000, {{"chance_loss", 10.0}, {"jigsaw_chance_loss", std::log(4096)}});
  EXPECT_THAT(LookLong(alarms, 500, {{"loss", 9.0}, {"jigsaw_loss", 8.317766}}),
              ElementsAre(::testing::AllOf(HasSubstr("not learning"), HasSubstr("jigsaw_loss"))));
}

TEST(TrainingAlarmsTest, SaysThatATaskIsTooEasyOnlyEarly) {
  TrainingAlarms early(10000, {}), late(1000, {});
  EXPECT_THAT(LookLong(early, 1000, {{"rotation_accuracy", 0.99}}), ElementsAre(HasSubstr("too easy")));
  EXPECT_THAT(LookLong(late, 1000, {{"rotation_accuracy", 0.99}}), IsEmpty());
  EXPECT_THAT(LookLong(early, 1000, {{"train_accuracy", 1.0}}), IsEmpty());
}

}  // namespace
}  // namespace pretext
