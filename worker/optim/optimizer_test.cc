#include "worker/optim/optimizer.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <limits>
#include <set>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
using State = std::map<std::string, at::Tensor>;

v1::OptimizerSpec Spec(v1::OptimizerSpec::Kind kind, double weight_decay = 0.1) {
  v1::OptimizerSpec spec;
  spec.set_kind(kind);
  spec.set_weight_decay(weight_decay);
  return spec;
}

// Numbers from -1 to 1 that look drawn, the same in every test that asks for `seed`.
at::Tensor Numbers(at::IntArrayRef shape, int seed) {
  at::Tensor numbers = at::zeros(shape);
  float* values = numbers.mutable_data_ptr<float>();
  for (int64_t i = 0; i < numbers.numel(); ++i) values[i] = std::sin(12.9898 * (i + 1) + 78.233 * seed);
  return numbers;
}

// Two groups as of a small network.
struct Network {
  std::vector<ParameterGroup> groups;

  Network() {
    groups = {{"trunk", {Make("conv.weight", {3, 2, 3, 3}, 1), Make("bn.weight", {5}, 2)}},
              {"head", {Make("fc.weight", {4, 5}, 3), Make("fc.bias", {4}, 4)}}};
  }

  static std::pair<std::string, at::Tensor> Make(const std::string& name, at::IntArrayRef shape, int seed) {
    return {name, Numbers(shape, seed).requires_grad_()};
  }
  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> all;
    for (const ParameterGroup& group : groups) {
      for (const auto& [name, parameter] : group.parameters) all.push_back(parameter);
    }
    return all;
  }
  // Gradients of one step. A parameter of `skipped` has none.
  void SetGradients(int step, const std::set<size_t>& skipped = {}) const {
    const std::vector<at::Tensor> all = parameters();
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].mutable_grad() = skipped.count(i) ? at::Tensor() : Numbers(all[i].sizes(), 100 * step + i);
    }
  }
};

// Rates that differ by group and step.
std::vector<Rates> RatesAt(int step) { return {{0.01 + 0.001 * step, 0.9}, {0.1 / (1 + step), 0.8}}; }

// The two algorithms, one number at a time.
struct SlowTwin {
  v1::OptimizerSpec spec;
  struct Moments {
    double first = 0, second = 0;
    int steps = 0;
  };
  std::map<std::pair<size_t, int64_t>, Moments> moments;

  double Next(size_t parameter, int64_t i, double weight, double gradient, const Rates& rates, double decay) {
    Moments& m = moments[{parameter, i}];
    if (spec.kind() == v1::OptimizerSpec::SGD) {
      gradient += decay * weight;
      m.first = m.steps++ == 0 ? gradient : rates.momentum * m.first + gradient;
      return weight - rates.learning_rate * m.first;
    }
    ++m.steps;
    weight -= rates.learning_rate * decay * weight;
    m.first = rates.momentum * m.first + (1 - rates.momentum) * gradient;
    m.second = 0.99 * m.second + 0.01 * gradient * gradient;
    const double first = m.first / (1 - std::pow(rates.momentum, m.steps));
    const double second = m.second / (1 - std::pow(0.99, m.steps));
    return weight - rates.learning_rate * first / (std::sqrt(second) + 1e-5);
  }

  void Step(const Network& network, std::vector<at::Tensor>& weights, const std::vector<Rates>& rates) {
    size_t index = 0;
    for (size_t group = 0; group < network.groups.size(); ++group) {
      for (const auto& [name, parameter] : network.groups[group].parameters) {
        const size_t p = index++;
        if (!parameter.grad().defined()) continue;
        const double decay = parameter.dim() == 1 ? 0 : spec.weight_decay();
        const float* gradient = parameter.grad().const_data_ptr<float>();
        double* weight = weights[p].mutable_data_ptr<double>();
        for (int64_t i = 0; i < parameter.numel(); ++i) {
          weight[i] = Next(p, i, weight[i], gradient[i], rates[group], decay);
        }
      }
    }
  }
};

class OptimizerTest : public ::testing::TestWithParam<v1::OptimizerSpec::Kind> {};

INSTANTIATE_TEST_SUITE_P(Kinds, OptimizerTest,
                         ::testing::Values(v1::OptimizerSpec::SGD, v1::OptimizerSpec::ADAMW),
                         [](const auto& info) { return v1::OptimizerSpec::Kind_Name(info.param); });

TEST_P(OptimizerTest, ComputesWhatTheSlowTwinDoes) {
  const Network network;
  std::vector<at::Tensor> want;
  for (const at::Tensor& parameter : network.parameters()) want.push_back(parameter.detach().to(at::kDouble));
  const auto optimizer = MakeOptimizer(Spec(GetParam()), network.groups);
  SlowTwin twin{Spec(GetParam()), {}};
  for (int step = 0; step < 12; ++step) {
    // The convolution joins late and pauses, so that step counts within a group differ.
    network.SetGradients(step, step < 3 || step == 7 ? std::set<size_t>{0} : std::set<size_t>{});
    twin.Step(network, want, RatesAt(step));
    optimizer->Step(RatesAt(step));
    for (size_t i = 0; i < want.size(); ++i) {
      ASSERT_TRUE(at::allclose(network.parameters()[i].detach().to(at::kDouble), want[i], 1e-5, 1e-6))
          << "parameter " << i << ", step " << step;
    }
  }
}

TEST_P(OptimizerTest, ParametersWithoutAGradientStayAsTheyAre) {
  const Network network;
  const auto optimizer = MakeOptimizer(Spec(GetParam()), network.groups);
  network.SetGradients(0);
  optimizer->Step(RatesAt(0));
  const at::Tensor before = network.parameters()[2].detach().clone();
  const State state = optimizer->State();
  const std::string moment = GetParam() == v1::OptimizerSpec::SGD ? "momentum_buffer" : "exp_avg";
  const at::Tensor moment_before = state.at("fc.weight." + moment).clone();
  network.SetGradients(1, {2});
  optimizer->Step(RatesAt(1));
  EXPECT_TRUE(at::equal(network.parameters()[2].detach(), before));
  EXPECT_TRUE(at::equal(optimizer->State().at("fc.weight." + moment), moment_before));
}

// Freezing leaves the last gradient where it was.
TEST_P(OptimizerTest, FrozenParametersStayAsTheyAre) {
  const Network network;
  const auto optimizer = MakeOptimizer(Spec(GetParam()), network.groups);
  network.SetGradients(0);
  optimizer->Step(RatesAt(0));
  at::Tensor frozen = network.parameters()[0];
  frozen.set_requires_grad(false);
  const at::Tensor before = frozen.clone();
  const double norm = ClipGradients(network.groups, 0).item<double>();
  optimizer->Step(RatesAt(1));
  EXPECT_TRUE(at::equal(frozen, before));
  frozen.mutable_grad().reset();
  EXPECT_EQ(ClipGradients(network.groups, 0).item<double>(), norm);
}

TEST_P(OptimizerTest, DecaySparesBiasesAndNormalisation) {
  const Network network;
  const std::vector<at::Tensor> parameters = network.parameters();
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad() = at::zeros_like(parameter);
  std::vector<at::Tensor> before;
  for (const at::Tensor& parameter : parameters) before.push_back(parameter.detach().clone());
  MakeOptimizer(Spec(GetParam(), 0.5), network.groups)->Step(RatesAt(0));
  EXPECT_LT(parameters[0].detach().norm().item<float>(), before[0].norm().item<float>());
  EXPECT_TRUE(at::equal(parameters[1].detach(), before[1]));
  EXPECT_LT(parameters[2].detach().norm().item<float>(), before[2].norm().item<float>());
  EXPECT_TRUE(at::equal(parameters[3].detach(), before[3]));
}

// The kernels walk raw memory: a gradient in another layout than its parameter would be read transposed.
TEST_P(OptimizerTest, ChannelsLastParametersTakeGradientsOfAnyLayout) {
  const at::Tensor weights = Numbers({6, 4, 3, 3}, 1);
  const at::Tensor gradient = Numbers({6, 4, 3, 3}, 2);
  const auto train = [&](at::Tensor parameter, const at::Tensor& its_gradient) {
    parameter.requires_grad_();
    const auto optimizer = MakeOptimizer(Spec(GetParam()), {{"all", {{"conv.weight", parameter}}}});
    for (int step = 0; step < 3; ++step) {
      parameter.mutable_grad() = its_gradient;
      optimizer->Step({{0.1, 0.9}});
    }
    return parameter.detach().contiguous();
  };
  const at::Tensor want = train(weights.clone(), gradient);
  const at::Tensor last = weights.contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(at::allclose(train(last.clone(), gradient), want, 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(train(last.clone(), gradient.contiguous(at::MemoryFormat::ChannelsLast)), want,
                           1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(train(weights.clone(), gradient.contiguous(at::MemoryFormat::ChannelsLast)), want,
                           1e-6, 1e-7));
  // One number a row, spread: a bias's gradient may be an expanded scalar.
  const at::Tensor spread = at::full({1}, 0.25).expand({4});
  EXPECT_TRUE(at::allclose(train(Numbers({4}, 3), spread), train(Numbers({4}, 3), spread.contiguous())));
}

TEST_P(OptimizerTest, GoesOnFromItsStateBitForBit) {
  // The convolution gets its first gradient only after the interruption, the bias only before.
  const auto skipped = [](int step) { return step < 6 ? std::set<size_t>{0} : std::set<size_t>{3}; };
  const auto run = [&](const Network& network, Optimizer& optimizer, int from, int to) {
    for (int step = from; step < to; ++step) {
      network.SetGradients(step, skipped(step));
      optimizer.Step(RatesAt(step));
    }
  };
  const Network straight, interrupted, resumed;
  const auto whole = MakeOptimizer(Spec(GetParam()), straight.groups);
  run(straight, *whole, 0, 10);

  const auto first = MakeOptimizer(Spec(GetParam()), interrupted.groups);
  run(interrupted, *first, 0, 5);
  State saved = first->State();
  for (auto& [name, tensor] : saved) tensor = tensor.clone(at::MemoryFormat::Contiguous);
  {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < 4; ++i) resumed.parameters()[i].copy_(interrupted.parameters()[i]);
  }
  const auto second = MakeOptimizer(Spec(GetParam()), resumed.groups);
  ASSERT_OK(second->LoadState(saved));
  run(resumed, *second, 5, 10);

  for (size_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(at::equal(straight.parameters()[i].detach(), resumed.parameters()[i].detach())) << i;
  }
  const State want = whole->State(), got = second->State();
  ASSERT_EQ(want.size(), got.size());
  for (const auto& [name, tensor] : want) EXPECT_TRUE(at::equal(tensor, got.at(name))) << name;
}

TEST_P(OptimizerTest, LoadedStateIsACopy) {
  const Network network;
  const auto optimizer = MakeOptimizer(Spec(GetParam()), network.groups);
  network.SetGradients(0);
  optimizer->Step(RatesAt(0));
  State saved = optimizer->State();
  for (auto& [name, tensor] : saved) tensor = tensor.clone();
  ASSERT_OK(optimizer->LoadState(saved));
  for (auto& [name, tensor] : saved) tensor.zero_();
  for (const auto& [name, tensor] : optimizer->State())
    EXPECT_GT(tensor.abs().max().item<double>(), 0) << name;
}

TEST_P(OptimizerTest, LoadingNoStateForgetsWhatWasThere) {
  const Network network;
  const auto optimizer = MakeOptimizer(Spec(GetParam()), network.groups);
  network.SetGradients(0);
  optimizer->Step(RatesAt(0));
  ASSERT_OK(optimizer->LoadState({}));
  EXPECT_TRUE(optimizer->State().empty());
}

TEST_P(OptimizerTest, GivesTheSameBitsOnAnyNumberOfThreads) {
  const auto train = [&](int threads) {
    at::set_num_threads(threads);
    std::vector<std::pair<std::string, at::Tensor>> parameters;
    int number = 0;
    for (const int64_t size : {100003, 64, 131, 262144}) {
      parameters.emplace_back(absl::StrCat("p", number++), Numbers({size, 1}, number).requires_grad_());
    }
    const std::vector<ParameterGroup> groups = {{"all", parameters}};
    const auto optimizer = MakeOptimizer(Spec(GetParam()), groups);
    for (int step = 0; step < 3; ++step) {
      for (const auto& [name, p] : parameters)
        p.mutable_grad() = Numbers(p.sizes(), 10 * step + p.numel() % 7);
      ClipGradients(groups, 1.0);
      optimizer->Step({{0.1, 0.9}});
    }
    return parameters;
  };
  const int threads_before = at::get_num_threads();
  const auto want = train(1);
  for (const int threads : {2, 3, 5}) {
    const auto got = train(threads);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_TRUE(at::equal(want[i].second.detach(), got[i].second.detach()))
          << want[i].first << ", " << threads << " threads";
    }
  }
  at::set_num_threads(threads_before);
}

TEST_P(OptimizerTest, WrongNumberOfRatesIsAnError) {
  const Network network;
  EXPECT_THROW(MakeOptimizer(Spec(GetParam()), network.groups)->Step({{0.1, 0.9}}), c10::Error);
}

TEST(OptimizerStateTest, NamesAreTheParametersAndPyTorchs) {
  const Network network;
  const auto names = [&](v1::OptimizerSpec::Kind kind) {
    const auto optimizer = MakeOptimizer(Spec(kind), network.groups);
    EXPECT_TRUE(optimizer->State().empty());
    network.SetGradients(0, {0, 1, 2});
    optimizer->Step(RatesAt(0));
    std::vector<std::string> all;
    for (const auto& [name, tensor] : optimizer->State()) all.push_back(name);
    return all;
  };
  EXPECT_THAT(names(v1::OptimizerSpec::SGD), UnorderedElementsAre("fc.bias.momentum_buffer"));
  EXPECT_THAT(names(v1::OptimizerSpec::ADAMW),
              UnorderedElementsAre("fc.bias.exp_avg", "fc.bias.exp_avg_sq", "fc.bias.step"));
}

TEST(OptimizerStateTest, SgdWithoutMomentumRemembersNothing) {
  const Network network;
  const auto optimizer = MakeOptimizer(Spec(v1::OptimizerSpec::SGD, 0), network.groups);
  network.SetGradients(0);
  const at::Tensor want = network.parameters()[3].detach() - 0.5 * network.parameters()[3].grad();
  optimizer->Step({{0.1, 0}, {0.5, 0}});
  EXPECT_TRUE(at::allclose(network.parameters()[3].detach(), want));
  EXPECT_TRUE(optimizer->State().empty());
}

class ForeignStateTest : public ::testing::Test {
 protected:
  ForeignStateTest() {
    network_.SetGradients(0);
    optimizer_->Step(RatesAt(0));
    state_ = optimizer_->State();
    for (auto& [name, tensor] : state_) tensor = tensor.clone();
  }

  // Refused with a message that holds `words`, and nothing changed.
  void ExpectRefused(const std::string& words) {
    const at::Tensor before = optimizer_->State().at("conv.weight.exp_avg").clone();
    EXPECT_THAT(optimizer_->LoadState(state_),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(words)));
    EXPECT_TRUE(at::equal(optimizer_->State().at("conv.weight.exp_avg"), before));
  }

  Network network_;
  std::unique_ptr<Optimizer> optimizer_ = MakeOptimizer(Spec(v1::OptimizerSpec::ADAMW), network_.groups);
  State state_;
};

TEST_F(ForeignStateTest, OfAnotherAlgorithmIsRefused) {
  const auto sgd = MakeOptimizer(Spec(v1::OptimizerSpec::SGD), network_.groups);
  EXPECT_THAT(sgd->LoadState(state_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("does not fit SGD: it has no use for bn.weight.exp_avg")));
  sgd->Step(RatesAt(0));
  state_ = sgd->State();
  ExpectRefused("does not fit AdamW: it has no use for bn.weight.momentum_buffer");
}

TEST_F(ForeignStateTest, OfAnotherNetworkIsRefused) {
  state_["conv2.weight.exp_avg"] = at::zeros({2, 2});
  ExpectRefused("it has no use for conv2.weight.exp_avg");
}

TEST_F(ForeignStateTest, WithAnotherShapeIsRefused) {
  state_["fc.weight.exp_avg_sq"] = at::zeros({5, 4});
  ExpectRefused("fc.weight.exp_avg_sq has shape (5, 4) and its parameter (4, 5)");
}

TEST_F(ForeignStateTest, WithAMomentMissingIsRefused) {
  state_.erase("fc.weight.exp_avg_sq");
  ExpectRefused("fc.weight.exp_avg_sq is missing");
}

TEST_F(ForeignStateTest, WithNoCountOfStepsIsRefused) {
  state_["fc.weight.step"] = at::full({}, 0, at::kLong);
  ExpectRefused("fc.weight.step is not a number of steps");
}

TEST_F(ForeignStateTest, OfAnotherTypeIsRefused) {
  state_["fc.weight.exp_avg"] = at::zeros({4, 5}, at::kHalf);
  ExpectRefused("fc.weight.exp_avg is of type Half and its parameter of Float");
}

TEST(OptimizerStateTest, TwoParametersOfOneNameAreAnError) {
  const at::Tensor p = at::zeros({2});
  EXPECT_THROW(MakeOptimizer(Spec(v1::OptimizerSpec::SGD), {{"a", {{"w", p}}}, {"b", {{"w", p}}}}),
               c10::Error);
}

TEST(ClipGradientsTest, ReturnsTheNormAndScalesWhatIsLarger) {
  const Network network;
  network.SetGradients(0);
  double squares = 0;
  for (const at::Tensor& p : network.parameters()) squares += p.grad().pow(2).sum().item<double>();
  const at::Tensor before = network.parameters()[0].grad().clone();
  const double norm = ClipGradients(network.groups, 0.5).item<double>();
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-5);
  EXPECT_TRUE(at::allclose(network.parameters()[0].grad(), before * (0.5 / norm), 1e-5, 1e-7));
  EXPECT_NEAR(ClipGradients(network.groups, 0).item<double>(), 0.5, 1e-5);
}

TEST(ClipGradientsTest, LeavesSmallGradientsAsTheyAre) {
  const Network network;
  network.SetGradients(0);
  const at::Tensor before = network.parameters()[0].grad().clone();
  const double norm = ClipGradients(network.groups, 0).item<double>();
  EXPECT_TRUE(at::equal(network.parameters()[0].grad(), before));
  ClipGradients(network.groups, norm * 1.001);
  EXPECT_TRUE(at::equal(network.parameters()[0].grad(), before));
}

// Whoever looks for the parameter that went bad must find the others as they were.
TEST(ClipGradientsTest, LeavesGradientsAloneWhenOneIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    const Network network;
    network.SetGradients(0);
    const at::Tensor before = network.parameters()[0].grad().clone();
    network.parameters()[3].grad()[1] = bad;
    EXPECT_FALSE(std::isfinite(ClipGradients(network.groups, 0.5).item<double>()));
    EXPECT_TRUE(at::equal(network.parameters()[0].grad(), before));
  }
}

TEST(ClipGradientsTest, OfNoGradientsIsZero) {
  EXPECT_EQ(ClipGradients(Network().groups, 1.0).item<double>(), 0);
}

}  // namespace
}  // namespace pretext
