#include "worker/models/heads.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

TEST(HeadsTest, MlpIsLinearReluLinear) {
  MlpHead head(6, 5, 3);
  const auto parameters = head.named_parameters();
  EXPECT_THAT(parameters.keys(), ElementsAre("0.weight", "0.bias", "2.weight", "2.bias"));
  const at::Tensor x = at::randn({4, 6});
  const at::Tensor hidden = at::relu(x.matmul(parameters["0.weight"].t()) + parameters["0.bias"]);
  EXPECT_TRUE(at::allclose(head.Forward(x), hidden.matmul(parameters["2.weight"].t()) + parameters["2.bias"],
                           1e-5, 1e-6));
}

TEST(HeadsTest, CopiesAreEqualAndSeparate) {
  LinearHead linear(6, 3);
  MlpHead mlp(6, 5, 3);
  const at::Tensor x = at::randn({4, 6});
  const auto linear_copy = linear.Copy();
  const auto mlp_copy = mlp.Copy();
  EXPECT_TRUE(at::equal(linear_copy->Forward(x), linear.Forward(x)));
  EXPECT_TRUE(at::equal(mlp_copy->Forward(x), mlp.Forward(x)));
  at::NoGradGuard no_grad;
  linear.parameters()[0].zero_();
  EXPECT_FALSE(at::equal(linear_copy->Forward(x), linear.Forward(x)));
}

TEST(HeadsTest, ConcatPoolIsMaximumThenAverage) {
  const at::Tensor map = at::randn({2, 3, 4, 4});
  EXPECT_TRUE(at::allclose(ConcatPool(map), at::cat({map.amax({2, 3}), map.mean({2, 3})}, 1), 1e-5, 1e-6));
}

TEST(ClassificationHeadTest, HasFastaisLayers) {
  ClassificationHead head(16, 10);
  const auto parameters = head.named_parameters();
  EXPECT_THAT(parameters.keys(),
              ElementsAre("2.weight", "2.bias", "4.weight", "6.weight", "6.bias", "8.weight", "8.bias"));
  EXPECT_THAT(parameters["4.weight"].sizes(), ElementsAre(512, 32));
  EXPECT_THAT(parameters["8.weight"].sizes(), ElementsAre(10, 512));
  EXPECT_THAT(head.Forward(at::randn({8, 16, 2, 2})).sizes(), ElementsAre(8, 10));
}

TEST(ClassificationHeadTest, MasksFollowFromSeedAndStepAlone) {
  ClassificationHead head(16, 10);
  const at::Tensor map = at::randn({8, 16, 2, 2});
  head.SetStep(/*seed=*/3, /*step=*/5);
  const at::Tensor first = head.Forward(map);
  EXPECT_TRUE(at::equal(head.Forward(map), first));
  head.SetStep(/*seed=*/3, /*step=*/6);
  EXPECT_FALSE(at::equal(head.Forward(map), first));
  head.SetStep(/*seed=*/4, /*step=*/5);
  EXPECT_FALSE(at::equal(head.Forward(map), first));
  head.SetStep(/*seed=*/3, /*step=*/5);
  EXPECT_TRUE(at::equal(head.Forward(map), first));
}

// With normalisation made the identity, the second rank of two computes the second half of a batch.
TEST(ClassificationHeadTest, MasksBelongToRowsOfTheGlobalBatch) {
  ClassificationHead head(16, 10);
  for (const auto& module : head.modules(/*include_self=*/false)) {
    if (module->as<GroupedBatchNorm>()) module->eval();
  }
  const at::Tensor map = at::randn({8, 16, 2, 2});
  head.SetStep(/*seed=*/3, /*step=*/5);
  const at::Tensor whole = head.Forward(map);
  head.SetStep(/*seed=*/3, /*step=*/5, /*first_row=*/4);
  EXPECT_TRUE(at::allclose(head.Forward(map.slice(0, 4, 8)), whole.slice(0, 4, 8), 1e-5, 1e-6));
}

// With ones everywhere the logits count the surviving units: half of 512 kept, each doubled.
TEST(ClassificationHeadTest, DropsHalfOfTheHiddenUnitsAndScalesTheRest) {
  ClassificationHead head(16, 1);
  for (const auto& module : head.modules(/*include_self=*/false)) {
    if (module->as<GroupedBatchNorm>()) module->eval();
  }
  at::NoGradGuard no_grad;
  auto parameters = head.named_parameters();
  parameters["4.weight"].zero_();
  parameters["6.bias"].fill_(1);
  parameters["8.weight"].fill_(1);
  head.SetStep(/*seed=*/1, /*step=*/1);
  const at::Tensor logits = head.Forward(at::ones({200, 16, 1, 1}));
  EXPECT_NEAR(logits.mean().item<float>(), 512, 8);
  EXPECT_NEAR(logits.std().item<float>(), 22.6, 4);  // sqrt(512)
  head.eval();
  EXPECT_TRUE(at::allclose(head.Forward(at::ones({4, 16, 1, 1})), at::ones({4, 1}) * 512));
}

}  // namespace
}  // namespace pretext
