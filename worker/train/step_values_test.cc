#include "worker/train/step_values.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <mutex>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"

namespace pretext {
namespace {

TEST(StepValuesTest, AllRanksReadTheMeanAndAverageWhatTravelsAlong) {
  std::vector<StepReading> readings(2);
  std::vector<at::Tensor> statistics = {at::full({3}, 1.0f), at::full({3}, 5.0f)};
  RunRanks(2, [&](ProcessGroup& group) {
    StepValues values(&group, at::kCPU);
    EXPECT_OK(values.Add(7, {{"loss", at::tensor(group.rank() == 0 ? 2.0f : 4.0f)}},
                         {{"wait", group.rank() == 0 ? 0.5 : 1.5}}, /*stop=*/false,
                         {statistics[group.rank()]}));
    readings[group.rank()] = *values.Take();
  });
  for (const StepReading& reading : readings) {
    EXPECT_EQ(reading.step, 7);
    EXPECT_EQ(reading.value("loss"), 3);
    EXPECT_EQ(reading.value("wait"), 1);
    EXPECT_FALSE(reading.stop);
  }
  for (const at::Tensor& tensor : statistics) EXPECT_EQ(tensor.min().item<float>(), 3);
}

TEST(StepValuesTest, OneRanksWishToStopReachesAll) {
  RunRanks(3, [&](ProcessGroup& group) {
    StepValues values(&group, at::kCPU);
    EXPECT_OK(values.Add(1, {{"loss", at::tensor(1.0f)}}, {}, /*stop=*/group.rank() == 2, {}));
    EXPECT_TRUE(values.Take()->stop);
  });
}

TEST(StepValuesTest, GivesStepsInTheirOrderAndThenNothing) {
  ThreadProcessGroup group;
  StepValues values(&group, at::kCPU);
  EXPECT_OK(values.Add(1, {{"loss", at::tensor(1.0f)}}, {}, false, {}));
  EXPECT_OK(values.Add(2, {{"loss", at::tensor(2.0f)}}, {}, false, {}));
  EXPECT_EQ(values.Take()->step, 1);
  EXPECT_EQ(values.TakeNow()->step, 2);
  EXPECT_FALSE(values.Take().has_value());
  EXPECT_FALSE(values.TakeNow().has_value());
}

}  // namespace
}  // namespace pretext
