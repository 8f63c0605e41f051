#include "worker/tasks/private_adam.h"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"

namespace pretext {
namespace {

// A layer and its optimizer, as a task's module would hold them.
struct Trained : torch::nn::Module {
  Trained() : layer(register_module("layer", torch::nn::Linear(3, 2))) {
    adam = std::make_shared<PrivateAdam>(*layer);
    register_module("adam", adam);
  }

  // The mean square of the layer's outputs.
  absl::Status Add(const at::Tensor& inputs, ProcessGroup& group, int32_t micro = 0) {
    PrivateAdam::Recording recording(*adam);
    return adam->Add(micro, adam->Gradients({layer->forward(inputs).square().mean()}, {}), group);
  }

  torch::nn::Linear layer;
  std::shared_ptr<PrivateAdam> adam;
};

at::Tensor Inputs(int64_t rows, uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({rows, 3});
}

// Adam as Kingma and Ba write it, on one number.
struct SlowAdam {
  double weight, m = 0, v = 0;
  int t = 0;
  void Step(double gradient, double rate) {
    ++t;
    m = 0.5 * m + 0.5 * gradient;
    v = 0.999 * v + 0.001 * gradient * gradient;
    weight -= rate * (m / (1 - std::pow(0.5, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
  }
};

TEST(PrivateAdamTest, FollowsThePapersFormula) {
  Trained trained;
  ThreadProcessGroup group;
  trained.layer->bias.set_data(at::tensor({1.0f, -2.0f}));
  SlowAdam first{1}, second{-2};
  for (int step = 0; step < 5; ++step) {
    // Without inputs the outputs are the biases, and the gradients of their mean square are the biases too.
    ASSERT_OK(trained.Add(at::zeros({4, 3}), group));
    trained.adam->Step(/*rate=*/0.1 / (1 + step));
    first.Step(first.weight, 0.1 / (1 + step));
    second.Step(second.weight, 0.1 / (1 + step));
    EXPECT_NEAR(trained.layer->bias[0].item<double>(), first.weight, 1e-5) << step;
    EXPECT_NEAR(trained.layer->bias[1].item<double>(), second.weight, 1e-5) << step;
  }
}

TEST(PrivateAdamTest, WeightsTakeNoGradientButWhileRecording) {
  Trained trained;
  ThreadProcessGroup group;
  const at::NoGradGuard no_grad;  // as of a task of weight 0
  for (const at::Tensor& weight : trained.parameters()) EXPECT_FALSE(weight.requires_grad());
  ASSERT_OK(trained.Add(Inputs(4, 1), group));
  for (const at::Tensor& weight : trained.parameters()) {
    EXPECT_FALSE(weight.requires_grad());
    EXPECT_FALSE(weight.grad().defined());
  }
  EXPECT_FALSE(at::GradMode::is_enabled());
  const at::Tensor before = trained.layer->weight.clone();
  trained.adam->Step(0.1);
  EXPECT_FALSE(at::equal(before, trained.layer->weight));
  const at::Tensor after = trained.layer->weight.clone();
  trained.adam->Step(0.1);  // nothing was added
  EXPECT_TRUE(at::equal(after, trained.layer->weight));
}

TEST(PrivateAdamTest, MicroBatchesAreOneBatch) {
  Trained whole, parts;
  ThreadProcessGroup group;
  const at::Tensor inputs = Inputs(8, 2);
  {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < 2; ++i) parts.layer->parameters()[i].copy_(whole.layer->parameters()[i]);
  }
  for (int step = 0; step < 3; ++step) {
    ASSERT_OK(whole.Add(inputs, group));
    for (int32_t micro = 0; micro < 2; ++micro)
      ASSERT_OK(parts.Add(inputs.narrow(0, 4 * micro, 4), group, micro));
    whole.adam->Step(0.1);
    parts.adam->Step(0.1);
  }
  EXPECT_LT((whole.layer->weight - parts.layer->weight).abs().max().item<double>(), 1e-5);
}

TEST(PrivateAdamTest, GoesOnFromItsBuffersBitForBit) {
  Trained one;
  ThreadProcessGroup group;
  const auto step = [&](Trained& trained, int64_t number) {
    ASSERT_OK(trained.Add(Inputs(4, number), group));
    trained.adam->Step(0.1);
  };
  for (int number = 0; number < 3; ++number) step(one, number);
  Trained other;
  {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < one.parameters().size(); ++i) other.parameters()[i].copy_(one.parameters()[i]);
    for (size_t i = 0; i < one.buffers().size(); ++i) other.buffers()[i].copy_(one.buffers()[i]);
  }
  for (int number = 3; number < 6; ++number) {
    step(one, number);
    step(other, number);
  }
  EXPECT_TRUE(at::equal(one.layer->weight, other.layer->weight));
}

TEST(PrivateAdamTest, RanksStayEqualBitForBitAndDoWhatOneWouldWithAll) {
  at::manual_seed(4);
  const Trained fresh;
  const at::Tensor inputs = Inputs(8, 3);
  const auto train = [&](Trained& trained, const at::Tensor& part, ProcessGroup& group) {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < 2; ++i) trained.layer->parameters()[i].copy_(fresh.layer->parameters()[i]);
    for (int step = 0; step < 3; ++step) {
      ASSERT_OK(trained.Add(part, group));
      trained.adam->Step(0.1);
    }
  };
  Trained alone, ranks[2];
  ThreadProcessGroup solo;
  train(alone, inputs, solo);
  RunRanks(2, [&](ProcessGroup& group) {
    train(ranks[group.rank()], inputs.narrow(0, 4 * group.rank(), 4), group);
  });
  EXPECT_TRUE(at::equal(ranks[0].layer->weight, ranks[1].layer->weight));
  EXPECT_LT((ranks[0].layer->weight - alone.layer->weight).abs().max().item<double>(), 1e-5);
}

TEST(DetourTest, HasTheValueOfTheOneAndTheGradientOfTheOther) {
  const at::Tensor input = at::tensor({3.0, -1.0}).requires_grad_();
  const at::Tensor detour = Detour(at::full({}, 7.0), input * 2, at::tensor({0.5, 4.0}));
  EXPECT_EQ(detour.item<double>(), 7);
  detour.backward();
  EXPECT_TRUE(at::equal(input.grad(), at::tensor({1.0, 8.0})));
}

}  // namespace
}  // namespace pretext
