#include "worker/checkpoint/checkpoint_schedule.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

const absl::Time kBegin = absl::FromUnixSeconds(1'700'000'000);

TEST(CheckpointScheduleTest, CountsStepsWhenTold) {
  const CheckpointSchedule schedule(/*every_steps=*/10, kBegin);
  EXPECT_FALSE(schedule.IsDue(9, kBegin + absl::Hours(1)));
  EXPECT_TRUE(schedule.IsDue(10, kBegin));
  EXPECT_TRUE(schedule.IsDue(20, kBegin));
}

TEST(CheckpointScheduleTest, SpendsAtMostAHundredthOfTheTime) {
  CheckpointSchedule schedule(/*every_steps=*/0, kBegin);
  EXPECT_FALSE(schedule.IsDue(5, kBegin + absl::Seconds(59)));
  EXPECT_TRUE(schedule.IsDue(5, kBegin + absl::Seconds(60)));
  schedule.Taken(kBegin, absl::Seconds(2));
  EXPECT_FALSE(schedule.IsDue(6, kBegin + absl::Seconds(199)));
  EXPECT_TRUE(schedule.IsDue(6, kBegin + absl::Seconds(200)));
}

TEST(CheckpointScheduleTest, NeverRisksMoreThanTenMinutes) {
  CheckpointSchedule schedule(/*every_steps=*/0, kBegin);
  schedule.Taken(kBegin, absl::Minutes(1));
  EXPECT_TRUE(schedule.IsDue(6, kBegin + absl::Minutes(10)));
}

}  // namespace
}  // namespace pretext
