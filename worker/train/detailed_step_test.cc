#include "worker/train/detailed_step.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

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

TEST(IsThoroughStepTest, TakesAHundredDetailedStepsOfALongStage) {
  for (const int64_t steps : {25, 7001, 50000}) {
    int thorough = 0;
    for (int64_t step = 1; step <= steps; ++step) {
      thorough += IsThoroughStep(step, steps);
      if (IsThoroughStep(step, steps)) {
        EXPECT_TRUE(IsDetailedStep(step, steps)) << step;
      }
    }
    EXPECT_LE(thorough, 102);
    EXPECT_GE(thorough, steps == 25 ? 4 : 100);
  }
}

}  // namespace
}  // namespace pretext
