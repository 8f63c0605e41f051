#include "worker/train/training_alarms.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Property;

StepReading ReadingOf(int64_t step, const NamedNumbers& values) {
  StepReading reading;
  reading.step = step;
  reading.values = values;
  return reading;
}

TrainingAlarms Alarms(int64_t steps, const NamedNumbers& constants = {}, int64_t batch_size = 256) {
  TrainingAlarmsOptions options;
  options.steps = steps;
  options.batch_size = batch_size;
  options.data_threads = 3;
  options.constants = constants;
  return TrainingAlarms(options);
}

// All alarms of steps 1 .. `until`, each of which reads the same and takes a second.
std::vector<v1::Alarm> LookLong(TrainingAlarms& alarms, int64_t until, const NamedNumbers& values) {
  std::vector<v1::Alarm> raised;
  for (int64_t step = 1; step <= until; ++step) {
    for (v1::Alarm& alarm : alarms.Look(ReadingOf(step, values), /*seconds=*/1))
      raised.push_back(std::move(alarm));
  }
  return raised;
}

auto IsAlarm(v1::Alarm::Kind kind, const std::string& task, const std::string& text) {
  return AllOf(Property(&v1::Alarm::kind, kind), Property(&v1::Alarm::task, task),
               Property(&v1::Alarm::text, HasSubstr(text)), Property(&v1::Alarm::advice, Not(IsEmpty())));
}

TEST(TrainingAlarmsTest, HealthyTrainingRaisesNone) {
  TrainingAlarms alarms = Alarms(1000, {{"chance_loss", 9.0}, {"moco_chance_loss", 9.0}});
  EXPECT_THAT(LookLong(alarms, 1000,
                       {{"loss", 7.5},
                        {"moco_loss", 7.5},
                        {"moco_accuracy", 0.6},
                        {"feature_spread", 0.4},
                        {"effective_rank", 20},
                        {"gradient_norm", 2},
                        {"data_wait_seconds", 0.2}}),
              IsEmpty());
}

TEST(TrainingAlarmsTest, SaysOnceThatFeaturesHaveCollapsedWithinTwoHundredSteps) {
  TrainingAlarms alarms = Alarms(1000);
  const std::vector<v1::Alarm> raised = LookLong(alarms, 200, {{"feature_spread", 0.001}});
  EXPECT_THAT(raised, ElementsAre(IsAlarm(v1::Alarm::COLLAPSE, "", "0.0010")));
  EXPECT_EQ(raised[0].step(), 100);
  EXPECT_THAT(LookLong(alarms, 500, {{"feature_spread", 0.001}}), IsEmpty());
}

TEST(TrainingAlarmsTest, AShortDipIsNoCollapse) {
  TrainingAlarms alarms = Alarms(1000);
  for (int64_t step = 1; step <= 1000; ++step) {
    EXPECT_THAT(alarms.Look(ReadingOf(step, {{"feature_spread", step % 90 == 0 ? 0.3 : 0.001}}), 1),
                IsEmpty());
  }
}

// A plateau of ln 4096 is the uniform guess over 4096 outputs; -1 and 0 are where cosine losses end.
TEST(TrainingAlarmsTest, NarrowFeaturesAtAClosedFormAreACollapse) {
  for (const double loss : {8.317766, -1.0, -0.9995, 0.0004}) {
    TrainingAlarms alarms = Alarms(1000, {{"dino_chance_loss", std::log(4096)}});
    EXPECT_THAT(LookLong(alarms, 60, {{"dino_loss", loss}, {"feature_spread", 0.04}}),
                ElementsAre(IsAlarm(v1::Alarm::COLLAPSE, "", "dino_loss stays at")));
  }
  TrainingAlarms elsewhere = Alarms(1000, {{"dino_chance_loss", std::log(4096)}});
  EXPECT_THAT(LookLong(elsewhere, 60, {{"dino_loss", 8.2}, {"feature_spread", 0.04}}), IsEmpty());
  TrainingAlarms wide = Alarms(1000, {{"dino_chance_loss", std::log(4096)}});
  EXPECT_THAT(LookLong(wide, 60, {{"dino_loss", 8.317766}, {"feature_spread", 0.4}}), IsEmpty());
}

TEST(TrainingAlarmsTest, SaysWhichTaskStaysAtChance) {
  TrainingAlarms alarms = Alarms(1000, {{"chance_loss", 10.0}, {"jigsaw_chance_loss", std::log(24)}});
  EXPECT_THAT(LookLong(alarms, 500, {{"loss", 9.0}, {"jigsaw_loss", 3.1779}}),
              ElementsAre(IsAlarm(v1::Alarm::NOT_LEARNING, "jigsaw", "51200 pictures")));
}

// Fine-tuning has no tasks.
TEST(TrainingAlarmsTest, ALossWithoutTasksIsWatchedItself) {
  TrainingAlarms alarms = Alarms(1000, {{"chance_loss", 2.0}});
  EXPECT_THAT(LookLong(alarms, 500, {{"loss", 2.001}}),
              ElementsAre(IsAlarm(v1::Alarm::NOT_LEARNING, "", "loss")));
}

// Jigsaw has stayed at ln|S| for tens of thousands of pictures before it learnt.
TEST(TrainingAlarmsTest, PatienceIsInPicturesAndAtMostHalfAStage) {
  const NamedNumbers constants = {{"jigsaw_chance_loss", 3.0}}, stuck = {{"jigsaw_loss", 3.0}};
  TrainingAlarms small_batches = Alarms(100000, constants, /*batch_size=*/16);
  EXPECT_THAT(LookLong(small_batches, 3124, stuck), IsEmpty());
  TrainingAlarms short_stage = Alarms(600, constants, /*batch_size=*/16);
  const std::vector<v1::Alarm> raised = LookLong(short_stage, 600, stuck);
  ASSERT_EQ(raised.size(), 1);
  EXPECT_EQ(raised[0].step(), 300);
  TrainingAlarms huge_batches = Alarms(100000, constants, /*batch_size=*/4096);
  EXPECT_THAT(LookLong(huge_batches, 199, stuck), IsEmpty());
}

TEST(TrainingAlarmsTest, SaysThatATaskIsTooEasyOnlyEarly) {
  TrainingAlarms early = Alarms(10000), late = Alarms(400);
  EXPECT_THAT(LookLong(early, 1000, {{"rotation_accuracy", 0.99}}),
              ElementsAre(IsAlarm(v1::Alarm::SHORTCUT, "rotation", "first tenth")));
  EXPECT_THAT(LookLong(late, 400, {{"rotation_accuracy", 0.99}}), IsEmpty());
  EXPECT_THAT(LookLong(early, 1000, {{"train_accuracy", 1.0}}), IsEmpty());
}

TEST(TrainingAlarmsTest, SaysThatGradientsHaveVanished) {
  TrainingAlarms alarms = Alarms(1000);
  EXPECT_THAT(LookLong(alarms, 60, {{"gradient_norm", 1e-9}}),
              ElementsAre(IsAlarm(v1::Alarm::GRADIENTS, "", "vanished")));
}

TEST(TrainingAlarmsTest, SaysThatGradientsExplodeAndPassesOverSingleSpikes) {
  TrainingAlarms alarms = Alarms(1000);
  EXPECT_THAT(LookLong(alarms, 200, {{"gradient_norm", 0.5}}), IsEmpty());
  for (int64_t step = 1; step <= 200; ++step) {
    EXPECT_THAT(alarms.Look(ReadingOf(step, {{"gradient_norm", step % 19 == 0 ? 0.5 : 80}}), 1), IsEmpty());
  }
  EXPECT_THAT(LookLong(alarms, 20, {{"gradient_norm", 80}}),
              ElementsAre(IsAlarm(v1::Alarm::GRADIENTS, "", "where 0.5 was usual")));
  TrainingAlarms from_the_start = Alarms(1000);
  EXPECT_THAT(LookLong(from_the_start, 20, {{"gradient_norm", 2e4}}),
              ElementsAre(IsAlarm(v1::Alarm::GRADIENTS, "", "explodes")));
}

TEST(TrainingAlarmsTest, SaysThatTrainingWaitsForDataAndWhatToChange) {
  TrainingAlarms alarms = Alarms(1000);
  EXPECT_THAT(LookLong(alarms, 59, {{"data_wait_seconds", 0.7}}), IsEmpty());
  const std::vector<v1::Alarm> raised = LookLong(alarms, 100, {{"data_wait_seconds", 0.7}});
  EXPECT_THAT(raised, ElementsAre(IsAlarm(v1::Alarm::STARVATION, "", "70 %")));
  EXPECT_THAT(raised[0].advice(), AllOf(HasSubstr("data_threads (now 3 a rank)"), HasSubstr("cache_bytes")));
}

// Reading the first pictures takes as long as it takes.
TEST(TrainingAlarmsTest, OneHungryHalfMinuteIsNoStarvation) {
  TrainingAlarms alarms = Alarms(1000);
  EXPECT_THAT(LookLong(alarms, 30, {{"data_wait_seconds", 1}}), IsEmpty());
  EXPECT_THAT(LookLong(alarms, 300, {{"data_wait_seconds", 0.1}}), IsEmpty());
}

}  // namespace
}  // namespace pretext
