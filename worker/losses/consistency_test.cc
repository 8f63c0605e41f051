#include "worker/losses/consistency.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "gtest/gtest.h"
#include "worker/losses/slow_reference.h"

namespace pretext {
namespace {

using Measure = at::Tensor (*)(const at::Tensor&, const at::Tensor&);
constexpr Measure kOfPredictions[] = {&DistributionDivergence, &ProbabilityDistance, &ValueDistance};
constexpr Measure kOfFeatures[] = {&FeatureDistance, &CosineDistance};

// Logits (2, 3, 4) -> each distribution's numbers.
std::vector<std::vector<double>> Distributions(const at::Tensor& logits) {
  std::vector<std::vector<double>> all;
  const at::Tensor rows = logits.transpose(1, 2).flatten(0, 1);
  for (int64_t i = 0; i < rows.size(0); ++i) {
    std::vector<double> row = slow::Numbers(rows[i]);
    const double partition = slow::LogSumExp(row);
    for (double& value : row) value = std::exp(value - partition);
    all.push_back(row);
  }
  return all;
}

TEST(ConsistencyLossTest, IdenticalVersionsDisagreeInNothing) {
  const at::Tensor dense = at::randn({4, 5, 3, 3}), rows = at::randn({6, 8});
  for (const Measure measure : kOfPredictions) EXPECT_EQ(measure(dense, dense).item<double>(), 0);
  for (const Measure measure : kOfFeatures) EXPECT_NEAR(measure(rows, rows).item<double>(), 0, 1e-6);
  EXPECT_EQ(PredictionAgreement(dense, dense).item<double>(), 1);
  EXPECT_NEAR(CompareFeatures(rows, rows).same.item<double>(), 1, 1e-6);
}

TEST(ConsistencyLossTest, PullsTheSecondVersionAlone) {
  for (const Measure measure : kOfPredictions) {
    at::Tensor target = at::randn({4, 5}).requires_grad_(), logits = at::randn({4, 5}).requires_grad_();
    measure(target, logits).backward();
    EXPECT_FALSE(target.grad().defined());
    EXPECT_GT(logits.grad().abs().max().item<double>(), 0);
  }
  for (const Measure measure : kOfFeatures) {
    at::Tensor target = at::randn({4, 5}).requires_grad_(), rows = at::randn({4, 5}).requires_grad_();
    measure(target, rows).backward();
    EXPECT_FALSE(target.grad().defined());
    EXPECT_GT(rows.grad().abs().max().item<double>(), 0);
  }
  at::Tensor target = at::randn({4, 5}).requires_grad_(), rows = at::randn({4, 5}).requires_grad_();
  ContrastLoss(target, rows, {}).backward();
  EXPECT_FALSE(target.grad().defined());
  EXPECT_GT(rows.grad().abs().max().item<double>(), 0);
}

TEST(ConsistencyLossTest, DivergenceEqualsTheSlowTwin) {
  const at::Tensor target = at::randn({2, 3, 4}), logits = at::randn({2, 3, 4});
  const auto p = Distributions(target), q = Distributions(logits);
  double divergence = 0, distance = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    for (size_t c = 0; c < 3; ++c) {
      divergence += p[i][c] * std::log(p[i][c] / q[i][c]);
      distance += (p[i][c] - q[i][c]) * (p[i][c] - q[i][c]);
    }
  }
  EXPECT_NEAR(DistributionDivergence(target, logits).item<double>(), divergence / p.size(), 1e-5);
  EXPECT_NEAR(ProbabilityDistance(target, logits).item<double>(), distance / p.size(), 1e-5);
}

// One class is certain for the target and the other's guess is even: ln 2, and (1/2)^2 twice.
TEST(ConsistencyLossTest, FollowsTheClosedFormOfACertainAndAnEvenGuess) {
  const at::Tensor certain = at::tensor({50.f, 0.f}).view({1, 2}), even = at::zeros({1, 2});
  EXPECT_NEAR(DistributionDivergence(certain, even).item<double>(), std::log(2.0), 1e-6);
  EXPECT_NEAR(ProbabilityDistance(certain, even).item<double>(), 0.5, 1e-6);
}

TEST(ConsistencyLossTest, AConstantShiftOfLogitsChangesNothing) {
  const at::Tensor target = at::randn({4, 5}), logits = at::randn({4, 5});
  for (const Measure measure : {&DistributionDivergence, &ProbabilityDistance}) {
    EXPECT_NEAR(measure(target + 3, logits - 7).item<double>(), measure(target, logits).item<double>(), 1e-5);
  }
}

TEST(ConsistencyLossTest, FeaturesAreComparedByDirectionAlone) {
  const at::Tensor axes = at::eye(2);
  EXPECT_NEAR(CosineDistance(axes, 3 * axes).item<double>(), 0, 1e-6);
  EXPECT_NEAR(CosineDistance(axes, -axes).item<double>(), 2, 1e-6);
  EXPECT_NEAR(CosineDistance(axes, axes.flip(0)).item<double>(), 1, 1e-6);
  EXPECT_NEAR(FeatureDistance(axes, axes.flip(0)).item<double>(), 2, 1e-6);
  EXPECT_EQ(CosineDistance(axes, at::zeros({2, 2})).item<double>(), 1);
}

TEST(ConsistencyLossTest, ContrastIsLnOfTheCandidatesWhenAllAreAlike) {
  EXPECT_NEAR(ContrastLoss(at::ones({12, 4}), at::ones({12, 4}), {0, 1, 0.2}).item<double>(), std::log(12.0),
              1e-5);
  EXPECT_NEAR(ContrastLoss(at::ones({12, 4}), at::ones({12, 4}), {0, 3, 0.2}).item<double>(), std::log(10.0),
              1e-5);
}

TEST(ConsistencyLossTest, ContrastEqualsTheSlowTwin) {
  const at::Tensor rows = at::randn({2, 8}), targets = at::randn({5, 8});
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, {1}, /*keepdim=*/true); };
  // Rows 0 and 1 are those of targets 2 and 3.
  const double expected =
      (slow::InfoNce(unit(rows.slice(0, 0, 1)), unit(targets.slice(0, 2, 3)),
                     unit(at::cat({targets.slice(0, 0, 2), targets.slice(0, 3, 5)})), 0.5) +
       slow::InfoNce(unit(rows.slice(0, 1, 2)), unit(targets.slice(0, 3, 4)),
                     unit(at::cat({targets.slice(0, 0, 3), targets.slice(0, 4, 5)})), 0.5)) /
      2;
  EXPECT_NEAR(ContrastLoss(targets, rows, {/*first=*/2, /*parts=*/1, 0.5}).item<double>(), expected, 1e-5);
}

TEST(ConsistencyLossTest, APicturesOtherPartsAreNoNegatives) {
  const at::Tensor rows = at::eye(4);
  at::Tensor targets = rows.clone();
  const double before = ContrastLoss(targets, rows, {0, 2, 0.2}).item<double>();
  targets.copy_(at::cat({rows.slice(0, 0, 1), rows.slice(0, 0, 1), rows.slice(0, 2, 4)}));
  // Row 0 does not mind that its picture's other part looks like its own; row 1 has lost its target.
  const double alone = ContrastLoss(targets, rows.slice(0, 0, 1), {0, 2, 0.2}).item<double>();
  EXPECT_NEAR(alone, before, 1e-6);
}

TEST(ConsistencyLossTest, AgreementTellsAPictureFromTheOthers) {
  const at::Tensor one = at::randn({5, 8}), other = at::randn({5, 8});
  const FeatureAgreement agreement = CompareFeatures(one, other);
  double same = 0, others = 0;
  for (int i = 0; i < 5; ++i) {
    for (int j = 0; j < 5; ++j) {
      const double cosine = ((one[i] * other[j]).sum() / one[i].norm() / other[j].norm()).item<double>();
      (i == j ? same : others) += cosine;
    }
  }
  EXPECT_NEAR(agreement.same.item<double>(), same / 5, 1e-6);
  EXPECT_NEAR(agreement.other.item<double>(), others / 20, 1e-6);
  EXPECT_EQ(CompareFeatures(one.slice(0, 0, 1), one.slice(0, 0, 1)).other.item<double>(), 0);
}

TEST(ConsistencyLossTest, ComputesInFullPrecisionUnderAutocast) {
  const at::Tensor one = at::randn({6, 16}), other = at::randn({6, 16});
  const double expected = ContrastLoss(one, other, {}).item<double>();
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor contrast = ContrastLoss(one, other, {});
  const at::Tensor divergence = DistributionDivergence(one.to(at::kBFloat16), other.to(at::kBFloat16));
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(contrast.item<double>(), expected);
  EXPECT_EQ(divergence.scalar_type(), at::kFloat);
}

}  // namespace
}  // namespace pretext
