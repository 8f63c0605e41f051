#include "worker/losses/unlabelled_losses.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "worker/losses/cross_entropy.h"
#include "worker/losses/slow_reference.h"

namespace pretext {
namespace {

using Spec = v1::UnlabelledSpec;

// Row by row from the definitions, in double precision.
std::vector<double> Softmax(const std::vector<double>& logits, double temperature) {
  std::vector<double> scaled, probabilities;
  for (const double logit : logits) scaled.push_back(logit / temperature);
  const double partition = slow::LogSumExp(scaled);
  for (const double logit : scaled) probabilities.push_back(std::exp(logit - partition));
  return probabilities;
}

std::vector<double> Row(const std::vector<double>& numbers, int64_t row, int64_t columns) {
  return {numbers.begin() + row * columns, numbers.begin() + (row + 1) * columns};
}

struct Slow {
  double loss = 0, confident_share = 0, agreement = 0;
};

// UDA with `sharpening` > 0, FixMatch with 0.
Slow SlowLoss(const at::Tensor& picture, const at::Tensor& copy, double confidence, double sharpening) {
  const int64_t n = picture.size(0), c = picture.size(1);
  const auto given = slow::Numbers(picture), changed = slow::Numbers(copy);
  Slow slow;
  for (int64_t row = 0; row < n; ++row) {
    const std::vector<double> p = Softmax(Row(given, row, c), 1), q = Softmax(Row(changed, row, c), 1);
    const auto best = std::max_element(p.begin(), p.end()) - p.begin();
    slow.agreement += best == std::max_element(q.begin(), q.end()) - q.begin();
    if (sharpening > 0 ? p[best] <= confidence : p[best] < confidence) continue;
    slow.confident_share += 1;
    if (sharpening == 0) {
      slow.loss -= std::log(q[best]);
      continue;
    }
    const std::vector<double> sharp = Softmax(Row(given, row, c), sharpening);
    for (int64_t i = 0; i < c; ++i) slow.loss += sharp[i] * std::log(sharp[i] / q[i]);
  }
  return {slow.loss / n, slow.confident_share / n, slow.agreement / n};
}

void ExpectEqual(const UnlabelledLoss& fast, const Slow& slow) {
  EXPECT_NEAR(fast.loss.item<double>(), slow.loss, 1e-5);
  EXPECT_NEAR(fast.confident_share.item<double>(), slow.confident_share, 1e-6);
  EXPECT_NEAR(fast.agreement.item<double>(), slow.agreement, 1e-6);
}

TEST(UdaLossTest, EqualsItsSlowTwin) {
  at::manual_seed(1);
  const at::Tensor picture = at::randn({40, 5}) * 2, copy = at::randn({40, 5}) + picture;
  for (const double sharpening : {1.0, 0.4}) {
    for (const double confidence : {0.0, 0.6}) {
      const Slow slow = SlowLoss(picture, copy, confidence, sharpening);
      EXPECT_GT(slow.confident_share, 0);
      ExpectEqual(UdaLoss(picture, copy, confidence, sharpening), slow);
    }
  }
}

TEST(UdaLossTest, AnUnchangedCopyOfAnUnsharpenedPictureCostsNothing) {
  const at::Tensor picture = at::randn({20, 7}) * 3;
  EXPECT_NEAR(UdaLoss(picture, picture, 0, /*sharpening=*/1).loss.item<double>(), 0, 1e-6);
  // Neither does a shift of all logits, of either.
  EXPECT_NEAR(UdaLoss(picture, picture + 5, 0, /*sharpening=*/1).loss.item<double>(), 0, 1e-6);
}

TEST(UdaLossTest, IsNeverNegative) {
  for (int i = 0; i < 20; ++i) {
    const at::Tensor one = at::randn({1, 4}) * 3, other = at::randn({1, 4}) * 3;
    EXPECT_GE(UdaLoss(one, other, 0, 0.4).loss.item<double>(), -1e-6);
  }
}

TEST(UdaLossTest, NoGradientFlowsToThePictures) {
  const at::Tensor picture = at::randn({8, 3}).requires_grad_(true);
  const at::Tensor copy = at::randn({8, 3}).requires_grad_(true);
  UdaLoss(picture, copy, 0, 0.4).loss.backward();
  EXPECT_FALSE(picture.grad().defined());
  // d / d copy = (softmax(copy) - sharpened target) / N.
  const at::Tensor expected = (copy.detach().softmax(1) - (picture.detach() / 0.4).softmax(1)) / 8;
  EXPECT_TRUE(at::allclose(copy.grad(), expected, 1e-4, 1e-6));
}

TEST(UdaLossTest, WhereNothingIsSureLossAndGradientAreExactlyZero) {
  const at::Tensor copy = at::randn({8, 3}).requires_grad_(true);
  const UnlabelledLoss output = UdaLoss(at::randn({8, 3}) * 50, copy, /*confidence=*/1.01, 0.4);
  output.loss.backward();
  EXPECT_EQ(output.loss.item<double>(), 0);
  EXPECT_EQ(output.confident_share.item<double>(), 0);
  EXPECT_EQ(copy.grad().abs().max().item<double>(), 0);
}

TEST(UdaLossTest, AVeryLowTemperatureGivesOneClass) {
  const at::Tensor picture = at::randn({30, 6}) * 2, copy = at::randn({30, 6});
  EXPECT_NEAR(UdaLoss(picture, copy, 0, /*sharpening=*/1e-6).loss.item<double>(),
              CrossEntropy(copy, picture.argmax(1)).item<double>(), 1e-5);
}

TEST(UdaLossTest, UniformPredictionsCostNothing) {
  EXPECT_NEAR(UdaLoss(at::zeros({9, 10}), at::zeros({9, 10}), 0, 0.4).loss.item<double>(), 0, 1e-7);
}

TEST(UdaLossTest, ConfidenceIsThatOfTheUnsharpenedPrediction) {
  // p = (0.6225, 0.3775), sharpened (0.7773, 0.2227).
  const at::Tensor picture = at::tensor({0.5f, 0.0f}).unsqueeze(0);
  EXPECT_EQ(UdaLoss(picture, picture, 0.7, 0.4).confident_share.item<double>(), 0);
  EXPECT_EQ(UdaLoss(picture, picture, 0.6, 0.4).confident_share.item<double>(), 1);
}

TEST(FixMatchLossTest, EqualsItsSlowTwinAndHasNoGradientToThePictures) {
  at::manual_seed(2);
  const at::Tensor picture = (at::randn({40, 5}) * 2).requires_grad_(true);
  const at::Tensor copy = (at::randn({40, 5}) + picture.detach()).requires_grad_(true);
  const UnlabelledLoss output = FixMatchLoss(picture, copy, 0.7);
  ExpectEqual(output, SlowLoss(picture, copy, 0.7, /*sharpening=*/0));
  output.loss.backward();
  EXPECT_FALSE(picture.grad().defined());
  EXPECT_GT(copy.grad().abs().max().item<double>(), 0);
}

TEST(FixMatchLossTest, BelowTheConfidenceLossAndGradientAreExactlyZero) {
  const at::Tensor copy = at::randn({8, 3}).requires_grad_(true);
  const at::Tensor loss = FixMatchLoss(at::zeros({8, 3}), copy, 0.95).loss;
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(copy.grad().abs().max().item<double>(), 0);
}

TEST(UnlabelledLossTest, ComputesInSinglePrecisionUnderAutocast) {
  const at::Tensor picture = (at::randn({16, 5}) * 3).to(at::kBFloat16);
  const at::Tensor copy = (at::randn({16, 5}) * 3).to(at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const UnlabelledLoss uda = UdaLoss(picture, copy, 0.5, 0.4), fix = FixMatchLoss(picture, copy, 0.5);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(uda.loss.scalar_type(), at::kFloat);
  EXPECT_EQ(fix.loss.scalar_type(), at::kFloat);
  ExpectEqual(uda, SlowLoss(picture, copy, 0.5, 0.4));
  ExpectEqual(fix, SlowLoss(picture, copy, 0.5, 0));
}

TEST(AnnealingThresholdTest, GivesThePublishedValues) {
  struct Case {
    Spec::Annealing annealing;
    std::vector<double> want;  // at 0, 1/4 .. 1, of two classes
  };
  const Case cases[] = {{Spec::LINEAR, {0.5, 0.625, 0.75, 0.875, 1}},
                        {Spec::EXPONENTIAL, {0.5034, 0.5118, 0.5410, 0.6433, 1}},
                        {Spec::LOGARITHMIC, {0.5, 0.8567, 0.9590, 0.9882, 0.9966}},
                        {Spec::OFF, {1, 1, 1, 1, 1}}};
  for (const Case& c : cases) {
    for (int quarter = 0; quarter <= 4; ++quarter) {
      EXPECT_NEAR(AnnealingThreshold(c.annealing, quarter / 4.0, 2), c.want[quarter], 1e-4) << c.annealing;
    }
  }
}

TEST(AnnealingThresholdTest, RisesFromChanceOfAnyNumberOfClasses) {
  for (const int classes : {2, 10, 1000}) {
    const double chance = 1.0 / classes;
    EXPECT_DOUBLE_EQ(AnnealingThreshold(Spec::LINEAR, 0, classes), chance);
    EXPECT_DOUBLE_EQ(AnnealingThreshold(Spec::LOGARITHMIC, 0, classes), chance);
    EXPECT_NEAR(AnnealingThreshold(Spec::EXPONENTIAL, 0, classes), chance + std::exp(-5) * (1 - chance),
                1e-9);
    EXPECT_DOUBLE_EQ(AnnealingThreshold(Spec::LINEAR, 1, classes), 1);
    EXPECT_DOUBLE_EQ(AnnealingThreshold(Spec::EXPONENTIAL, 1, classes), 1);
    EXPECT_NEAR(AnnealingThreshold(Spec::LOGARITHMIC, 1, classes), 1 - std::exp(-5) * (1 - chance), 1e-9);
  }
}

TEST(AnnealedCrossEntropyTest, EqualsItsSlowTwin) {
  at::manual_seed(3);
  const at::Tensor logits = at::randn({30, 4}) * 2, targets = at::randint(4, {30}, at::kLong);
  const auto numbers = slow::Numbers(logits), classes = slow::Numbers(targets);
  double sum = 0, kept = 0;
  for (int64_t row = 0; row < 30; ++row) {
    const double probability = Softmax(Row(numbers, row, 4), 1)[static_cast<size_t>(classes[row])];
    if (probability > 0.4) continue;
    sum -= std::log(probability);
    kept += 1;
  }
  const KeptCrossEntropy own = AnnealedCrossEntropy(logits, targets, 0.4, 0);
  EXPECT_GT(kept, 0);
  EXPECT_LT(kept, 30);
  EXPECT_NEAR(own.sum.item<double>(), sum, 1e-4);
  EXPECT_EQ(own.kept.item<double>(), kept);
  EXPECT_NEAR(MeanOfKept(own, own.kept, 1).item<double>(), sum / kept, 1e-5);
}

TEST(AnnealedCrossEntropyTest, WhereAllAreKeptItIsCrossEntropy) {
  const at::Tensor logits = at::randn({30, 4}), targets = at::randint(4, {30}, at::kLong);
  for (const double smoothing : {0.0, 0.2}) {
    const KeptCrossEntropy own = AnnealedCrossEntropy(logits, targets, 1, smoothing);
    EXPECT_NEAR(MeanOfKept(own, own.kept, 1).item<double>(),
                CrossEntropy(logits, targets, smoothing).item<double>(), 1e-5);
  }
}

TEST(AnnealedCrossEntropyTest, WhereNoneIsKeptLossAndGradientAreExactlyZero) {
  const at::Tensor logits = at::randn({8, 4}).requires_grad_(true);
  const KeptCrossEntropy own = AnnealedCrossEntropy(logits, at::randint(4, {8}, at::kLong), 0, 0);
  const at::Tensor loss = MeanOfKept(own, own.kept, 1);
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(logits.grad().abs().max().item<double>(), 0);
}

TEST(AnnealedCrossEntropyTest, TheMeanOverRanksIsThatOfTheWholeBatch) {
  at::manual_seed(4);
  const at::Tensor logits = at::randn({12, 4}) * 2, targets = at::randint(4, {12}, at::kLong);
  const KeptCrossEntropy whole = AnnealedCrossEntropy(logits, targets, 0.3, 0);
  std::vector<KeptCrossEntropy> parts;
  for (int rank = 0; rank < 3; ++rank) {
    parts.push_back(
        AnnealedCrossEntropy(logits.narrow(0, 4 * rank, 4), targets.narrow(0, 4 * rank, 4), 0.3, 0));
  }
  const at::Tensor per_rank = (parts[0].kept + parts[1].kept + parts[2].kept) / 3;
  double mean = 0;
  for (const KeptCrossEntropy& part : parts) mean += MeanOfKept(part, per_rank, 3).item<double>() / 3;
  EXPECT_NEAR(mean, MeanOfKept(whole, whole.kept, 1).item<double>(), 1e-5);
}

}  // namespace
}  // namespace pretext
