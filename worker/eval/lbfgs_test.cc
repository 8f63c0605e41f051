#include "worker/eval/lbfgs.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/logspace.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "gtest/gtest.h"

namespace pretext {
namespace {

// sum c_i (x_i - t_i)^2 / 2 with curvatures over three decades.
TEST(LbfgsTest, FindsTheMinimumOfAnIllConditionedQuadratic) {
  const at::Tensor curvature = at::logspace(-1, 2, 40).to(at::kDouble);
  const at::Tensor target = at::randn({40}).to(at::kDouble);
  int calls = 0;
  const Minimum minimum = MinimizeLbfgs(
      [&](const at::Tensor& x) {
        ++calls;
        const at::Tensor gradient = curvature * (x - target);
        return Evaluation{(gradient * (x - target)).sum().item<double>() / 2, gradient};
      },
      at::zeros({40}).to(at::kDouble), /*max_iterations=*/1000, /*tolerance=*/1e-8);
  EXPECT_TRUE(minimum.converged);
  EXPECT_TRUE(at::allclose(minimum.point, target, 0, 1e-6));
  EXPECT_LT(calls, 600);  // steepest descent needs some ten thousand
}

TEST(LbfgsTest, StopsAtTheIterationBoundAndSaysSo) {
  const Minimum minimum = MinimizeLbfgs(
      [](const at::Tensor& x) {
        return Evaluation{x.exp().sum().item<double>(), x.exp()};  // no minimum: falls for ever
      },
      at::zeros({3}), /*max_iterations=*/5);
  EXPECT_EQ(minimum.iterations, 5);
  EXPECT_FALSE(minimum.converged);
}

TEST(LbfgsTest, StaysWhereTheGradientIsZero) {
  const Minimum minimum = MinimizeLbfgs(
      [](const at::Tensor& x) {
        return Evaluation{0, at::zeros(x.sizes())};
      },
      at::zeros({3, 2}), 10);
  EXPECT_TRUE(minimum.converged);
  EXPECT_EQ(minimum.iterations, 0);
}

}  // namespace
}  // namespace pretext
