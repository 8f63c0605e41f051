#include "worker/losses/feature_statistics.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(FeatureStatisticsTest, SpreadIsOneForRandomDirectionsAtAnyScale) {
  EXPECT_NEAR(FeatureSpread(at::randn({2048, 64})).item<double>(), 1, 0.02);
  EXPECT_NEAR(FeatureSpread(at::randn({2048, 64}) * 1000).item<double>(), 1, 0.02);
}

TEST(FeatureStatisticsTest, SpreadIsZeroForACollapsedNetwork) {
  EXPECT_NEAR(FeatureSpread(at::ones({256, 64})).item<double>(), 0, 1e-5);
  // One direction, many lengths: still collapsed.
  EXPECT_NEAR(FeatureSpread(at::ones({256, 64}) * at::randn({256, 1}).abs()).item<double>(), 0, 1e-5);
}

TEST(FeatureStatisticsTest, EffectiveRankCountsTheDirectionsInUse) {
  EXPECT_GT(EffectiveRank(at::randn({4096, 32})), 31);
  const at::Tensor five_of_32 = at::cat({at::randn({4096, 5}), at::ones({4096, 27}) * 0}, 1);
  EXPECT_NEAR(EffectiveRank(five_of_32), 5, 0.1);
  // Two opposite points differ in one direction.
  const at::Tensor line = at::cat({at::ones({8, 4}), -at::ones({8, 4})});
  EXPECT_NEAR(EffectiveRank(line), 1, 1e-6);
}

TEST(FeatureStatisticsTest, EffectiveRankIsZeroWhenAllFeaturesAreTheSame) {
  EXPECT_EQ(EffectiveRank(at::ones({64, 16}) * 3), 0);
}

TEST(FeatureStatisticsTest, EffectiveRankTakesFewerPicturesThanDimensions) {
  const double rank = EffectiveRank(at::randn({8, 512}));
  EXPECT_GT(rank, 6.8);
  EXPECT_LT(rank, 7.01);
}

}  // namespace
}  // namespace pretext
