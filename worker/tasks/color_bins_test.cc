#include "worker/tasks/color_bins.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>

#include "gtest/gtest.h"
#include "worker/data/rng.h"
#include "worker/tasks/lab.h"

namespace pretext {
namespace {

int BinAt(float a, float b) {
  for (int q = 0; q < kColorBins; ++q) {
    if (ColorBins()[q].a == a && ColorBins()[q].b == b) return q;
  }
  return -1;
}

TEST(ColorBinsTest, AreThreeHundredAndThirteenDifferentOnesInOrder) {
  std::set<std::pair<float, float>> seen;
  for (const ColorBin& bin : ColorBins()) {
    if (!seen.empty()) EXPECT_GT(std::make_pair(bin.a, bin.b), *seen.rbegin());
    seen.insert({bin.a, bin.b});
  }
  EXPECT_EQ(seen.size(), 313);
  EXPECT_EQ(BinAt(-90, 50), 0);
  EXPECT_EQ(BinAt(100, 0), 312);
  EXPECT_GE(BinAt(0, 0), 0);
}

TEST(ColorBinsTest, RowsHaveThePublishedSizes) {
  const int sizes[] = {5, 8, 10, 12, 14, 15, 16, 16, 17, 18, 18, 18, 19, 20, 19, 20, 20, 19, 19, 10};
  int q = 0;
  for (int row = 0; row < 20; ++row) {
    for (int i = 0; i < sizes[row]; ++i) EXPECT_EQ(ColorBins()[q++].a, -90 + 10 * row);
  }
  EXPECT_EQ(q, kColorBins);
}

TEST(ColorEncoderTest, SpreadsAnInteriorCenterOverItsCross) {
  const ColorEncoder encoder(/*neighbours=*/5, /*sigma=*/5);
  int64_t bins[5];
  float weights[5];
  encoder.Encode(10, 20, absl::MakeSpan(bins), absl::MakeSpan(weights));
  EXPECT_EQ(bins[0], BinAt(10, 20));
  EXPECT_NEAR(weights[0], 0.64879, 1e-5);
  for (int i = 1; i < 5; ++i) EXPECT_NEAR(weights[i], 0.08780, 1e-5);
  const std::set<int64_t> cross(bins + 1, bins + 5);
  EXPECT_EQ(cross, (std::set<int64_t>{BinAt(0, 20), BinAt(20, 20), BinAt(10, 10), BinAt(10, 30)}));
}

TEST(ColorEncoderTest, BecomesOneHotAsSigmaVanishes) {
  const ColorEncoder encoder(/*neighbours=*/5, /*sigma=*/0.01);
  int64_t bins[5];
  float weights[5];
  encoder.Encode(13, 22, absl::MakeSpan(bins), absl::MakeSpan(weights));
  EXPECT_EQ(bins[0], BinAt(10, 20));
  EXPECT_EQ(weights[0], 1);
  for (int i = 1; i < 5; ++i) EXPECT_EQ(weights[i], 0);
}

// Against all 313 distances.
TEST(ColorEncoderTest, FindsTheNearestOfAllBins) {
  for (const int neighbours : {1, 5, 10}) {
    const ColorEncoder encoder(neighbours, /*sigma=*/5);
    Rng rng(RngKey{});
    for (int trial = 0; trial < 3000; ++trial) {
      const Lab color = LabFromSrgb(rng.Below(256), rng.Below(256), rng.Below(256));
      std::vector<std::pair<float, int>> all;
      for (int q = 0; q < kColorBins; ++q) {
        const float da = ColorBins()[q].a - color.a, db = ColorBins()[q].b - color.b;
        all.push_back({da * da + db * db, q});
      }
      std::sort(all.begin(), all.end());
      std::vector<int64_t> bins(neighbours);
      std::vector<float> weights(neighbours);
      encoder.Encode(color.a, color.b, absl::MakeSpan(bins), absl::MakeSpan(weights));
      for (int i = 0; i < neighbours; ++i) ASSERT_EQ(bins[i], all[i].second) << color.a << ", " << color.b;
      EXPECT_EQ(encoder.Nearest(color.a, color.b), all[0].second);
      EXPECT_NEAR(std::accumulate(weights.begin(), weights.end(), 0.0), 1, 1e-6);
      EXPECT_TRUE(std::all_of(weights.begin(), weights.end(), [](float w) { return w > 0; }));
    }
  }
}

std::vector<int64_t> SomeCounts() {
  std::vector<int64_t> counts(kColorBins, 0);
  counts[BinAt(0, 0)] = 9000;
  counts[BinAt(10, 10)] = 900;
  counts[BinAt(50, -90)] = 7;
  counts[0] = 1;
  return counts;
}

TEST(ColorPriorTest, IsADistributionThatPeaksWhereTheColorsAre) {
  const std::vector<double> prior = ColorPrior(SomeCounts());
  EXPECT_NEAR(std::accumulate(prior.begin(), prior.end(), 0.0), 1, 1e-12);
  EXPECT_EQ(std::max_element(prior.begin(), prior.end()) - prior.begin(), BinAt(0, 0));
  EXPECT_GT(prior[BinAt(0, -10)], prior[BinAt(0, -20)]);
}

// A centre keeps 1 of 1 + 4 e^-2 + 4 e^-4 + ..., the sum over the grid.
TEST(ColorPriorTest, SmoothsByFiveUnits) {
  std::vector<int64_t> counts(kColorBins, 0);
  counts[BinAt(0, 0)] = 3;
  double line = 0;
  for (int i = -6; i <= 6; ++i) line += std::exp(-2.0 * i * i);
  EXPECT_NEAR(ColorPrior(counts)[BinAt(0, 0)], 1 / (line * line), 1e-9);
  EXPECT_NEAR(ColorPrior(counts)[BinAt(10, 0)], std::exp(-2) / (line * line), 1e-9);
}

TEST(RebalancingWeightsTest, AverageToOneUnderThePrior) {
  const std::vector<double> prior = ColorPrior(SomeCounts());
  for (const double share : {0.1, 0.5, 1.0}) {
    const std::vector<double> weights = RebalancingWeights(prior, share);
    EXPECT_NEAR(std::inner_product(prior.begin(), prior.end(), weights.begin(), 0.0), 1, 1e-9);
  }
}

TEST(RebalancingWeightsTest, RaiseRareColorsAndVanishAtUniformShareOne) {
  const std::vector<double> prior = ColorPrior(SomeCounts());
  const std::vector<double> weights = RebalancingWeights(prior, 0.5);
  EXPECT_GT(weights[0], weights[BinAt(0, 0)]);
  for (const double weight : RebalancingWeights(prior, 1)) EXPECT_NEAR(weight, 1, 1e-9);
}

TEST(AnnealedMeanTest, SharpensSeventyToThirtyAsThePaperDoes) {
  at::Tensor logits = at::full({1, kColorBins, 1, 1}, -1e9);
  const int one = BinAt(0, 0), other = BinAt(100, 0);
  logits[0][one][0][0] = std::log(0.7);
  logits[0][other][0][0] = std::log(0.3);
  const at::Tensor ab = AnnealedMean(logits);
  EXPECT_NEAR(ab[0][0][0][0].item<double>(), 100 * 0.09711, 1e-3);
  EXPECT_NEAR(ab[0][1][0][0].item<double>(), 0, 1e-3);
}

TEST(AnnealedMeanTest, IsTheExpectationAtOneAndTheModeTowardsZero) {
  double mean_a = 0, mean_b = 0;
  for (const ColorBin& bin : ColorBins()) {
    mean_a += bin.a / kColorBins;
    mean_b += bin.b / kColorBins;
  }
  at::Tensor logits = at::zeros({2, kColorBins, 3, 3});
  const at::Tensor flat = AnnealedMean(logits, 1);
  EXPECT_EQ(flat.sizes(), at::IntArrayRef({2, 2, 3, 3}));
  EXPECT_NEAR(flat[1][0][2][2].item<double>(), mean_a, 1e-3);
  EXPECT_NEAR(flat[1][1][2][2].item<double>(), mean_b, 1e-3);

  logits[0][BinAt(-40, 70)][1][1] = 0.5;
  const at::Tensor sharp = AnnealedMean(logits, 1e-3);
  EXPECT_NEAR(sharp[0][0][1][1].item<double>(), -40, 1e-3);
  EXPECT_NEAR(sharp[0][1][1][1].item<double>(), 70, 1e-3);
}

}  // namespace
}  // namespace pretext
