#include "worker/data/sampler.h"

#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace pretext {
namespace {

SamplerSpec Spec() {
  SamplerSpec spec;
  spec.seed = 3;
  spec.stage = 1;
  spec.dataset_size = 103;
  spec.global_batch = 24;
  return spec;
}

TEST(SamplerTest, AnEpochHoldsNoSampleTwiceAndDropsTheRest) {
  Sampler sampler(Spec());
  ASSERT_EQ(sampler.steps_per_epoch(), 4);
  std::set<int64_t> seen;
  for (int64_t step = 0; step < 4; ++step) {
    for (int64_t index : sampler.Indices(step)) {
      EXPECT_GE(index, 0);
      EXPECT_LT(index, 103);
      EXPECT_TRUE(seen.insert(index).second) << index;
    }
  }
  EXPECT_EQ(seen.size(), 96u);
}

TEST(SamplerTest, GoesThroughTheSetInOrderWhenNotShuffled) {
  SamplerSpec spec = Spec();
  spec.shuffled = false;
  Sampler sampler(spec);
  for (const int64_t step : {0, 4, 8}) {
    const std::vector<int64_t> indices = sampler.Indices(step);
    for (int64_t i = 0; i < 24; ++i) EXPECT_EQ(indices[i], i);
  }
  EXPECT_EQ(sampler.Indices(3).front(), 72);
}

TEST(SamplerTest, EpochsHaveDifferentOrders) {
  Sampler sampler(Spec());
  EXPECT_NE(sampler.Indices(0), sampler.Indices(4));
}

TEST(SamplerTest, AnyStepIsFoundWithoutTheOnesBefore) {
  Sampler straight(Spec());
  std::vector<std::vector<int64_t>> steps;
  for (int64_t step = 0; step < 12; ++step) steps.push_back(straight.Indices(step));
  for (int64_t step : {11, 3, 7, 0}) EXPECT_EQ(Sampler(Spec()).Indices(step), steps[step]);
}

TEST(SamplerTest, RanksTogetherSeeTheSameGlobalBatchForEveryWorldSize) {
  for (int32_t accumulation : {1, 2}) {
    SamplerSpec whole = Spec();
    whole.accumulation = accumulation;
    Sampler reference(whole);
    for (int32_t world_size : {1, 2, 4}) {
      for (int64_t step : {0, 2, 5}) {
        for (int32_t micro = 0; micro < accumulation; ++micro) {
          std::vector<int64_t> together;
          for (int32_t rank = 0; rank < world_size; ++rank) {
            SamplerSpec spec = whole;
            spec.world_size = world_size;
            spec.rank = rank;
            const std::vector<int64_t> mine = Sampler(spec).Indices(step, micro);
            together.insert(together.end(), mine.begin(), mine.end());
          }
          EXPECT_EQ(together, reference.GlobalIndices(step, micro));
        }
      }
    }
  }
}

TEST(SamplerTest, MicroBatchesCutTheStepThatOneBatchWouldHave) {
  Sampler whole(Spec());
  SamplerSpec cut = Spec();
  cut.accumulation = 3;
  Sampler sampler(cut);
  std::vector<int64_t> together;
  for (int32_t micro = 0; micro < 3; ++micro) {
    const std::vector<int64_t> part = sampler.Indices(2, micro);
    together.insert(together.end(), part.begin(), part.end());
  }
  EXPECT_EQ(together, whole.Indices(2));
}

}  // namespace
}  // namespace pretext
