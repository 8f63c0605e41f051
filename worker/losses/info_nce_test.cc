#include "worker/losses/info_nce.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "gtest/gtest.h"
#include "worker/losses/slow_reference.h"

namespace pretext {
namespace {

at::Tensor RandomUnitRows(int64_t rows, int64_t size) {
  const at::Tensor values = at::randn({rows, size});
  return values / values.norm(2, {1}, /*keepdim=*/true);
}

at::Tensor InfoNce(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                   double temperature) {
  return InfoNceWithMetrics(query, key, queue, temperature).loss;
}

TEST(InfoNceTest, IsLnOfOnePlusNegativesWhenAllSimilaritiesAreEqual) {
  const at::Tensor zeros = at::zeros({4, 8});
  EXPECT_NEAR(InfoNce(zeros, zeros, at::zeros({255, 8}), 0.07).item<double>(), 5.5452, 1e-4);
  EXPECT_NEAR(InfoNce(zeros, zeros, at::zeros({4096, 8}), 0.2).item<double>(), 8.3180, 1e-4);
  EXPECT_NEAR(InfoNce(zeros, zeros, at::zeros({65536, 8}), 0.2).item<double>(), 11.0904, 1e-4);
  EXPECT_NEAR(InfoNceChanceLoss(16384), 9.7041, 1e-4);
}

// Log-normal partition function: ln(1 + K) + 1 / (2 d T^2).
TEST(InfoNceTest, RandomUnitVectorsGiveTheirExpectation) {
  const double loss =
      InfoNce(RandomUnitRows(4096, 128), RandomUnitRows(4096, 128), RandomUnitRows(4096, 128), 0.2)
          .item<double>();
  EXPECT_NEAR(loss, std::log(4097.0) + 1 / (2 * 128 * 0.04), 0.03);
}

TEST(InfoNceTest, EqualsTheSlowReference) {
  for (const double temperature : {0.07, 0.2, 1.0}) {
    const at::Tensor query = RandomUnitRows(6, 16), key = RandomUnitRows(6, 16),
                     queue = RandomUnitRows(32, 16);
    EXPECT_NEAR(InfoNce(query, key, queue, temperature).item<double>(),
                slow::InfoNce(query, key, queue, temperature), 1e-5);
  }
}

// One query along x, one orthogonal negative: -ln(e^(1/T) / (e^(1/T) + 1)).
TEST(InfoNceTest, FollowsTheClosedFormForOneNegative) {
  const at::Tensor axes = at::eye(2);
  const at::Tensor loss = InfoNce(axes.slice(0, 0, 1), axes.slice(0, 0, 1), axes.slice(0, 1, 2), 0.5);
  EXPECT_NEAR(loss.item<double>(), std::log1p(std::exp(-2.0)), 1e-6);
}

TEST(InfoNceTest, StaysFiniteAtSmallTemperatures) {
  const at::Tensor axes = at::eye(2);
  const at::Tensor best = InfoNce(axes.slice(0, 0, 1), axes.slice(0, 0, 1), axes.slice(0, 1, 2), 1e-3);
  const at::Tensor worst = InfoNce(axes.slice(0, 0, 1), axes.slice(0, 1, 2), axes.slice(0, 0, 1), 1e-3);
  EXPECT_NEAR(best.item<double>(), 0, 1e-6);
  EXPECT_NEAR(worst.item<double>(), 1000, 1e-2);
}

// d loss / d query = (sum_j p_j k_j - k_positive) / (T N).
TEST(InfoNceTest, GradientReachesTheQueryOnlyAndIsThatOfSoftmax) {
  at::Tensor query = RandomUnitRows(3, 8).requires_grad_(true);
  const at::Tensor key = RandomUnitRows(3, 8);
  at::Tensor queue = RandomUnitRows(10, 8).requires_grad_(true);
  InfoNce(query, key, queue, 0.2).backward();
  EXPECT_FALSE(queue.grad().defined());
  const at::Tensor q = query.detach();
  const at::Tensor positive = (q * key).sum(1, /*keepdim=*/true);
  const at::Tensor negatives = q.matmul(queue.detach().t());
  const at::Tensor all = at::zeros({3, 11});
  all.narrow(1, 0, 1).copy_(positive);
  all.narrow(1, 1, 10).copy_(negatives);
  const at::Tensor p = (all / 0.2).softmax(1);
  const at::Tensor expected =
      (p.narrow(1, 0, 1) * key + p.narrow(1, 1, 10).matmul(queue.detach()) - key) / (0.2 * 3);
  EXPECT_TRUE(at::allclose(query.grad(), expected, 1e-4, 1e-5));
}

TEST(InfoNceTest, ComputesInSinglePrecisionUnderAutocast) {
  const at::Tensor query = RandomUnitRows(6, 64), key = RandomUnitRows(6, 64),
                   queue = RandomUnitRows(256, 64);
  const double expected = slow::InfoNce(query, key, queue, 0.07);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor loss = InfoNce(query, key, queue, 0.07);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  EXPECT_NEAR(loss.item<double>(), expected, 1e-4);
}

TEST(InfoNceTest, MetricsCountQueriesNearestToTheirOwnKey) {
  const at::Tensor axes = at::eye(4);
  const at::Tensor query = axes.slice(0, 0, 2);
  const at::Tensor key = at::tensor({1.f, 0.f, 0.f, 0.f, 0.f, 0.f, 1.f, 0.f}).view({2, 4});  // right, wrong
  const InfoNceOutput output = InfoNceWithMetrics(query, key, axes.slice(0, 1, 2), 0.2);
  EXPECT_NEAR(output.accuracy.item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(output.positive_similarity.item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(output.negative_similarity.item<double>(), 0.5, 1e-6);
  EXPECT_NEAR(output.loss.item<double>(), slow::InfoNce(query, key, axes.slice(0, 1, 2), 0.2), 1e-5);
}

TEST(InfoNceTest, ShowsTheLogitsOfTheQueueUnderAutocastToo) {
  const at::Tensor query = RandomUnitRows(4, 8).requires_grad_(), queue = RandomUnitRows(16, 8);
  const at::Tensor expected = query.matmul(queue.t()) / 0.2;
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor alone = QueueLogits(query, queue, 0.2);
  const at::Tensor beside = InfoNceWithMetrics(query, query, queue, 0.2).logits;
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_TRUE(at::allclose(alone, expected));
  EXPECT_TRUE(at::allclose(beside, expected));
  EXPECT_TRUE(alone.requires_grad());
}

}  // namespace
}  // namespace pretext
