#include "worker/models/batch_norm.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/zeros.h>

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

at::Tensor Leaf(const at::Tensor& tensor) { return tensor.detach().clone().requires_grad_(true); }

std::shared_ptr<GroupedBatchNorm> MakeNorm(int groups) {
  auto norm = std::make_shared<GroupedBatchNorm>(3, groups);
  at::NoGradGuard no_grad;
  norm->weight.copy_(at::arange(1, 4));
  norm->bias.copy_(at::arange(3));
  return norm;
}

TEST(GroupedBatchNormTest, NormalisesOverBatchAndSpace) {
  GroupedBatchNorm norm(3);
  const at::Tensor output = norm.Forward(at::randn({8, 3, 5, 5}).mul_(4).add_(7));
  EXPECT_TRUE(at::allclose(output.mean({0, 2, 3}), at::zeros({3}), 0, 1e-5));
  EXPECT_TRUE(at::allclose(output.square().mean({0, 2, 3}), at::full({3}, 1.0f), 0, 1e-4));
}

// What one rank with G groups computes is what G ranks with one group compute, each on its slice.
TEST(GroupedBatchNormTest, EqualsOneCallAGroupInOutputAndGradients) {
  for (const auto memory : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
    const at::Tensor input = at::randn({12, 3, 4, 4}).contiguous(memory);
    const at::Tensor output_gradient = at::randn({12, 3, 4, 4}).contiguous(memory);
    auto grouped = MakeNorm(4);
    at::Tensor x = Leaf(input);
    const at::Tensor output = grouped->Forward(x);
    output.backward(output_gradient);

    auto single = MakeNorm(1);
    std::vector<at::Tensor> outputs, gradients;
    for (int group = 0; group < 4; ++group) {
      at::Tensor slice = Leaf(input.slice(0, group * 3, group * 3 + 3));
      outputs.push_back(single->Forward(slice));
      outputs.back().backward(output_gradient.slice(0, group * 3, group * 3 + 3));
      gradients.push_back(slice.grad());
    }
    EXPECT_TRUE(at::allclose(output, at::cat(outputs), 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(x.grad(), at::cat(gradients), 1e-5, 1e-6));
    EXPECT_TRUE(at::allclose(grouped->weight.grad(), single->weight.grad(), 1e-5, 1e-5));
    EXPECT_TRUE(at::allclose(grouped->bias.grad(), single->bias.grad(), 1e-5, 1e-5));
    EXPECT_TRUE(output.is_contiguous(memory));
  }
}

TEST(GroupedBatchNormTest, MovesRunningStatisticsOnceTowardsTheMeanOverGroups) {
  const at::Tensor input = at::randn({6, 3, 2, 2}).mul_(3).add_(1);
  auto norm = MakeNorm(2);
  norm->Forward(input);
  const at::Tensor first = input.slice(0, 0, 3), second = input.slice(0, 3, 6);
  const at::Tensor mean = (first.mean({0, 2, 3}) + second.mean({0, 2, 3})) / 2;
  const at::Tensor variance =
      (first.var({0, 2, 3}, /*unbiased=*/true) + second.var({0, 2, 3}, /*unbiased=*/true)) / 2;
  EXPECT_TRUE(at::allclose(norm->running_mean, mean * 0.1));
  EXPECT_TRUE(at::allclose(norm->running_var, variance * 0.1 + 0.9));
  EXPECT_EQ(norm->num_batches_tracked.item<int64_t>(), 1);
}

TEST(GroupedBatchNormTest, EvaluatesWithRunningStatisticsWhateverTheGroups) {
  auto norm = MakeNorm(4);
  norm->Forward(at::randn({8, 3, 2, 2}));
  norm->eval();
  const at::Tensor input = at::randn({5, 3, 2, 2});  // does not divide by 4
  const at::Tensor scale = norm->weight / at::sqrt(norm->running_var + 1e-5);
  const at::Tensor expected = (input - norm->running_mean.view({1, 3, 1, 1})) * scale.view({1, 3, 1, 1}) +
                              norm->bias.view({1, 3, 1, 1});
  const at::Tensor mean_before = norm->running_mean.clone();
  EXPECT_TRUE(at::allclose(norm->Forward(input), expected, 1e-5, 1e-5));
  EXPECT_TRUE(at::equal(norm->running_mean, mean_before));
}

TEST(GroupedBatchNormTest, TakesVectorsToo) {
  auto norm = MakeNorm(2);
  const at::Tensor input = at::randn({8, 3});
  const at::Tensor output = norm->Forward(input);
  auto single = MakeNorm(1);
  EXPECT_TRUE(at::allclose(output.slice(0, 4, 8), single->Forward(input.slice(0, 4, 8)), 1e-6, 1e-6));
}

TEST(GroupedBatchNormTest, KeepsStatisticsInSinglePrecisionForHalfInputs) {
  auto norm = MakeNorm(2);
  const at::Tensor input = at::randn({8, 3, 4, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor output = norm->Forward(input.to(at::kBFloat16));
  EXPECT_EQ(output.scalar_type(), at::kBFloat16);
  EXPECT_EQ(norm->running_mean.scalar_type(), at::kFloat);
  EXPECT_TRUE(at::allclose(output.to(at::kFloat), MakeNorm(2)->Forward(input), 0.02, 0.05));
}

TEST(GroupedBatchNormTest, SaysWhyABatchCannotBeNormalised) {
  auto norm = MakeNorm(4);
  try {
    norm->Forward(at::randn({6, 3, 2, 2}));
    FAIL() << "a batch of 6 was divided into 4 groups";
  } catch (const c10::Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("a batch of 6 does not divide into 4 groups"));
  }
  EXPECT_THROW(norm->Forward(at::randn({4, 3})), c10::Error);
}

TEST(GroupedBatchNormTest, HasTorchvisionsNames) {
  GroupedBatchNorm norm(3);
  EXPECT_THAT(norm.named_parameters().keys(), ::testing::ElementsAre("weight", "bias"));
  EXPECT_THAT(norm.named_buffers().keys(),
              ::testing::ElementsAre("running_mean", "running_var", "num_batches_tracked"));
}

}  // namespace
}  // namespace pretext
