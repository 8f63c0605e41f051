#include "worker/models/channelwise_linear.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(ChannelwiseLinearTest, HasTheNumberOfWeightsThatThePaperGives) {
  const ChannelwiseLinear layer(256, 6);
  EXPECT_EQ(layer.weight.numel(), 331776);  // m n^4
  EXPECT_EQ(layer.bias.numel(), 256 * 6 * 6);
  EXPECT_EQ(layer.parameters().size(), 2);
}

TEST(ChannelwiseLinearTest, AnInputChannelChangesNoOutputChannelButItsOwn) {
  at::NoGradGuard no_grad;
  ChannelwiseLinear layer(5, 4);
  const at::Tensor map = at::randn({3, 5, 4, 4});
  at::Tensor changed = map.clone();
  changed.select(1, 2).add_(1);
  const at::Tensor difference = (layer.Forward(changed) - layer.Forward(map)).abs().amax({0, 2, 3});
  for (int64_t c = 0; c < 5; ++c) {
    if (c == 2) {
      EXPECT_GT(difference[c].item<double>(), 0.01);
    } else {
      EXPECT_EQ(difference[c].item<double>(), 0) << c;
    }
  }
}

TEST(ChannelwiseLinearTest, IsALinearLayerOfEachChannelsCells) {
  at::NoGradGuard no_grad;
  ChannelwiseLinear layer(2, 3);
  const at::Tensor map = at::randn({2, 2, 3, 3});
  const at::Tensor out = layer.Forward(map);
  ASSERT_EQ(out.sizes(), map.sizes());
  for (int64_t b = 0; b < 2; ++b) {
    for (int64_t c = 0; c < 2; ++c) {
      const at::Tensor want = layer.weight[c].matmul(map[b][c].flatten()) + layer.bias[c];
      EXPECT_LT((out[b][c].flatten() - want).abs().max().item<double>(), 1e-5);
    }
  }
}

}  // namespace
}  // namespace pretext
