#include "worker/eval/linear_probe.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <vector>

#include "proto/cpp/status_matchers.h"
#include "worker/eval/top1.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

std::vector<int64_t> Cyclic(int64_t count, int classes) {
  std::vector<int64_t> labels(count);
  for (int64_t i = 0; i < count; ++i) labels[i] = i % classes;
  return labels;
}

TEST(LinearProbeTest, OneHotFeaturesReachEveryPicture) {
  const at::Tensor features = at::eye(10).repeat({30, 1});
  const auto labels = Cyclic(300, 10);
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(features, labels, 10));
  EXPECT_DOUBLE_EQ(Top1(probe.Predict(features), labels), 1);
  EXPECT_DOUBLE_EQ(probe.held_out_accuracy, 1);
}

TEST(LinearProbeTest, LabelsWithoutMeaningGiveChance) {
  const at::Tensor train = at::randn({2000, 32}), test = at::randn({2000, 32});
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(train, Cyclic(2000, 10), 10));
  EXPECT_NEAR(Top1(probe.Predict(test), Cyclic(2000, 10)), 0.1, 0.03);
  EXPECT_NEAR(probe.held_out_accuracy, 0.1, 0.06);
}

// Two unit Gaussians 2 apart along one of 16 dimensions: the best any classifier can do is Phi(1) = 0.8413.
TEST(LinearProbeTest, ComesNearTheBestPossibleClassifier) {
  const auto draw = [](int64_t count, std::vector<int64_t>& labels) {
    labels = Cyclic(count, 2);
    at::Tensor features = at::randn({count, 16});
    for (int64_t i = 0; i < count; ++i) features.select(0, i).select(0, 3).add_(labels[i] == 1 ? 1 : -1);
    return features * 50 + 1000;  // far from standardised
  };
  std::vector<int64_t> train_labels, test_labels;
  const at::Tensor train = draw(4000, train_labels), test = draw(8000, test_labels);
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(train, train_labels, 2));
  EXPECT_TRUE(probe.converged);
  EXPECT_NEAR(Top1(probe.Predict(test), test_labels), 0.8413, 0.02);
}

// At the minimum the gradient of the mean loss equals minus the penalty's: X^T (P - Y) / N = - l W.
TEST(LinearProbeTest, EndsWhereTheGradientVanishes) {
  const at::Tensor features = at::randn({300, 8});
  const auto labels = Cyclic(300, 3);
  LinearProbeOptions options;
  options.penalties = {0.01};
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(features, labels, 3, options));
  EXPECT_EQ(probe.penalty, 0.01);
  at::Tensor residual = probe.Logits(features).softmax(1);
  for (int64_t i = 0; i < 300; ++i) residual.select(0, i).select(0, labels[i]).sub_(1);
  const at::Tensor x = (features - probe.mean) * probe.scale;
  EXPECT_TRUE(at::allclose(x.t().matmul(residual) / 300, probe.weight * -0.01, 0, 1e-4));
  EXPECT_LT(residual.mean(0).abs().max().item<float>(), 1e-4);  // the biases are free
}

// 200 dimensions, one of which tells; 150 pictures, of which 30 choose: one choice is a lottery, many are
// not.
TEST(LinearProbeTest, ChoosesStrongPenaltiesWhenFeaturesAreMostlyNoise) {
  constexpr int kDraws = 20;
  const auto labels = Cyclic(150, 2);
  int strong = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    at::Tensor features = at::randn({150, 200});
    for (int64_t i = 0; i < 150; ++i) features.select(0, i).select(0, 0).add_(labels[i] == 1 ? 1.5 : -1.5);
    ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(features, labels, 2));
    strong += probe.penalty >= 0.1;
  }
  EXPECT_GE(strong, kDraws / 2);
}

TEST(LinearProbeTest, TheSameSeedGivesTheSameClassifier) {
  const at::Tensor features = at::randn({200, 8});
  const auto labels = Cyclic(200, 4);
  ASSERT_OK_AND_ASSIGN(const LinearProbe one, FitLinearProbe(features, labels, 4));
  ASSERT_OK_AND_ASSIGN(const LinearProbe two, FitLinearProbe(features, labels, 4));
  EXPECT_TRUE(at::equal(one.weight, two.weight));
  EXPECT_EQ(one.penalty, two.penalty);
}

TEST(LinearProbeTest, ConstantFeaturesSayNothing) {
  const at::Tensor features = at::cat({at::eye(4).repeat({25, 1}), at::ones({100, 3}) * 1e4}, 1);
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(features, Cyclic(100, 4), 4));
  EXPECT_DOUBLE_EQ(Top1(probe.Predict(features), Cyclic(100, 4)), 1);
  ASSERT_OK_AND_ASSIGN(const LinearProbe collapsed, FitLinearProbe(at::ones({100, 3}), Cyclic(100, 4), 4));
  EXPECT_DOUBLE_EQ(Top1(collapsed.Predict(at::ones({100, 3})), Cyclic(100, 4)), 0.25);
}

TEST(LinearProbeTest, WorksWithOnePictureAClass) {
  const at::Tensor features = at::eye(3) + at::randn({3, 3}) * 0.01;
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe, FitLinearProbe(features, {0, 1, 2}, 3));
  EXPECT_EQ(probe.penalty, 0.01);  // the middle one: none could be held out
  EXPECT_EQ(probe.Predict(features), (std::vector<int64_t>{0, 1, 2}));
}

TEST(LinearProbeTest, SaysWhenItEndedBeforeItConverged) {
  at::manual_seed(8);
  LinearProbeOptions options;
  options.penalties = {0.5};
  options.max_iterations = 2;
  ASSERT_OK_AND_ASSIGN(const LinearProbe probe,
                       FitLinearProbe(at::randn({60, 20}), Cyclic(60, 3), 3, options));
  EXPECT_FALSE(probe.converged);
  EXPECT_THAT(ConvergenceRemark(probe), HasSubstr("had not converged after 2 iterations with penalty 0.5"));
  options.max_iterations = 300;
  ASSERT_OK_AND_ASSIGN(const LinearProbe whole,
                       FitLinearProbe(at::randn({60, 20}), Cyclic(60, 3), 3, options));
  EXPECT_EQ(ConvergenceRemark(whole), "");
}

TEST(LinearProbeTest, RefusesWhatMakesNoSense) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const at::Tensor features = at::randn({4, 3});
  EXPECT_THAT(FitLinearProbe(features, {0, 1}, 2), StatusIs(invalid, HasSubstr("4 features and 2 labels")));
  EXPECT_THAT(FitLinearProbe(features, {0, 1, 2, 1}, 2), StatusIs(invalid, HasSubstr("label 2")));
  LinearProbeOptions options;
  options.penalties = {};
  EXPECT_THAT(FitLinearProbe(features, {0, 1, 0, 1}, 2, options), StatusIs(invalid, HasSubstr("penalties")));
  options.penalties = {-1};
  EXPECT_THAT(FitLinearProbe(features, {0, 1, 0, 1}, 2, options), StatusIs(invalid, HasSubstr("penalties")));
}

}  // namespace
}  // namespace pretext
