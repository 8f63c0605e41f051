#include "worker/losses/cross_entropy.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "worker/losses/slow_reference.h"

namespace pretext {
namespace {

TEST(CrossEntropyTest, EqualLogitsGiveLnOfTheClasses) {
  const std::pair<int, double> table[] = {
      {2, 0.6931}, {4, 1.3863}, {24, 3.1781}, {313, 5.7462}, {1000, 6.9078}};
  for (const auto& [classes, expected] : table) {
    const at::Tensor logits = at::zeros({8, classes});
    const at::Tensor targets = at::randint(classes, {8}, at::kLong);
    EXPECT_NEAR(CrossEntropy(logits, targets).item<double>(), expected, 1e-4);
    EXPECT_NEAR(CrossEntropy(logits, targets, /*label_smoothing=*/0.1).item<double>(), expected, 1e-4);
  }
}

TEST(CrossEntropyTest, SmoothingSharesTheTargetEvenly) {
  const at::Tensor logits = at::randn({5, 7});
  const at::Tensor targets = at::randint(7, {5}, at::kLong);
  const at::Tensor soft =
      at::zeros({5, 7}).fill_(0.2 / 7).scatter_add(1, targets.view({5, 1}), at::zeros({5, 1}).fill_(0.8));
  EXPECT_NEAR(CrossEntropy(logits, targets, 0.2).item<double>(),
              slow::SoftCrossEntropy(logits, soft, std::vector<double>(5, 1)), 1e-5);
}

TEST(CrossEntropyTest, ComputesInSinglePrecisionUnderAutocast) {
  const at::Tensor logits = (at::randn({5, 7}) * 30).to(at::kBFloat16);
  const at::Tensor targets = at::randint(7, {5}, at::kLong);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor loss = CrossEntropy(logits, targets);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.item<double>(), CrossEntropy(logits.to(at::kFloat), targets).item<double>(), 1e-6);
}

struct Cells {
  at::Tensor logits, bins, weights;
};

Cells RandomCells(int bins, int neighbours) {
  Cells cells;
  cells.logits = at::randn({2, bins, 3, 4});
  cells.bins = at::randint(bins, {2, neighbours, 3, 4}, at::kLong);
  const at::Tensor raw = at::rand({2, neighbours, 3, 4});
  cells.weights = raw / raw.sum(1, /*keepdim=*/true);
  return cells;
}

// (B, Q, H, W) -> (B * H * W, Q).
at::Tensor Rows(const at::Tensor& map) { return map.permute({0, 2, 3, 1}).reshape({-1, map.size(1)}); }

TEST(SoftCrossEntropyTest, EqualsTheSlowReferenceOnTheDenseTarget) {
  const Cells cells = RandomCells(/*bins=*/11, /*neighbours=*/3);
  const at::Tensor dense = at::zeros({2, 11, 3, 4}).scatter_add(1, cells.bins, cells.weights);
  const at::Tensor cell_weights = at::rand({2, 3, 4});
  EXPECT_NEAR(SoftCrossEntropy(cells.logits, cells.bins, cells.weights, cell_weights).item<double>(),
              slow::SoftCrossEntropy(Rows(cells.logits), Rows(dense), slow::Numbers(cell_weights)), 1e-5);
}

TEST(SoftCrossEntropyTest, EqualLogitsGiveLnOfTheBinsWhateverTheTarget) {
  const Cells cells = RandomCells(/*bins=*/313, /*neighbours=*/5);
  EXPECT_NEAR(SoftCrossEntropy(at::zeros({2, 313, 3, 4}), cells.bins, cells.weights).item<double>(), 5.7462,
              1e-4);
}

TEST(SoftCrossEntropyTest, OneNeighbourIsPlainCrossEntropy) {
  const Cells cells = RandomCells(/*bins=*/11, /*neighbours=*/1);
  EXPECT_NEAR(SoftCrossEntropy(cells.logits, cells.bins, cells.weights).item<double>(),
              CrossEntropy(Rows(cells.logits), cells.bins.flatten()).item<double>(), 1e-5);
}

// d / d logits = cell weight * (softmax - target) / cells.
TEST(SoftCrossEntropyTest, GradientIsSoftmaxLessTarget) {
  Cells cells = RandomCells(/*bins=*/11, /*neighbours=*/3);
  cells.logits.requires_grad_(true);
  const at::Tensor cell_weights = at::rand({2, 3, 4});
  SoftCrossEntropy(cells.logits, cells.bins, cells.weights, cell_weights).backward();
  const at::Tensor dense = at::zeros({2, 11, 3, 4}).scatter_add(1, cells.bins, cells.weights);
  const at::Tensor expected =
      (cells.logits.detach().softmax(1) - dense) * cell_weights.unsqueeze(1) / (2 * 3 * 4);
  EXPECT_TRUE(at::allclose(cells.logits.grad(), expected, 1e-4, 1e-6));
}

TEST(SoftCrossEntropyTest, CellsOfWeightZeroGiveNeitherLossNorGradient) {
  Cells cells = RandomCells(/*bins=*/11, /*neighbours=*/3);
  cells.logits.requires_grad_(true);
  const at::Tensor loss = SoftCrossEntropy(cells.logits, cells.bins, cells.weights, at::zeros({2, 3, 4}));
  loss.backward();
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(cells.logits.grad().abs().max().item<double>(), 0);
}

}  // namespace
}  // namespace pretext
