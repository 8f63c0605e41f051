#include "worker/stages/pretrain_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <map>

#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
#include "worker/stages/gradient_norm.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;

TEST(LearntWeightsTest, FollowsKendallAndLearnsTheLogarithmOfTheLoss) {
  LearntWeights weights(2);
  const at::Tensor loss = at::tensor(3.0f);
  EXPECT_EQ(weights.Weigh(1, loss).item<double>(), 3);
  weights.Weigh(1, loss).backward();
  EXPECT_TRUE(at::equal(weights.log_variances.grad(), at::tensor({0.f, 1.f - 3.f})));
  {
    at::NoGradGuard no_grad;
    weights.log_variances.fill_(std::log(3.0));
  }
  EXPECT_NEAR(weights.Weigh(0, loss).item<double>(), 1 + std::log(3.0), 1e-6);
  EXPECT_NEAR(WeighedChance(3), 1 + std::log(3.0), 1e-12);
  EXPECT_EQ(WeighedChance(0), 0);
}

TEST(GradientNormTest, IsThatOfTheGradientAndLeavesNoneBehind) {
  at::Tensor x = at::tensor({3.f, 4.f}).requires_grad_(), unused = at::tensor({1.f}).requires_grad_();
  const at::Tensor loss = x.square().sum() / 2;
  EXPECT_NEAR(GradientNorm(loss, {x, unused}).item<double>(), 5, 1e-6);
  EXPECT_EQ(GradientNorm(loss, {unused}).item<double>(), 0);
  EXPECT_FALSE(x.grad().defined());
  loss.backward();  // the graph is still there
  EXPECT_TRUE(at::equal(x.grad(), x));
}

// Tasks on one backbone and the builder of their batches.
class PretrainObjectiveTest : public ::testing::Test {
 protected:
  // Names and weights.
  using Tasks = std::vector<std::pair<std::string, double>>;

  std::unique_ptr<PretrainObjective> Make(const Tasks& named, v1::PretrainStage::Weighting weighting,
                                          int64_t steps) {
    TrainContext train;
    train.backbone = backbone_ = ToyBackbone();
    train.process_group = &group_;
    std::vector<CombinedViewBuilder::Part> parts;
    std::vector<WeightedTask> tasks;
    int64_t trained = 0;
    for (const auto& [name, weight] : named) {
      const ToyStage stage(SpecOf(name, 16));
      const TaskEntry* entry = *FindTask(stage.context.spec);
      parts.push_back({name, *entry->make_view_builder(stage.context)});
      at::manual_seed(5);
      WeightedTask task;
      task.name = name;
      task.weight = weight;
      task.task = *entry->make_task(stage.context, train);
      tasks.push_back(std::move(task));
      trained += weight > 0;
    }
    views_ = std::make_unique<CombinedViewBuilder>(std::move(parts));
    for (size_t i = 0; i < tasks.size(); ++i) tasks[i].share = views_->shares()[i];
    return std::make_unique<PretrainObjective>(
        v1::PretrainStage(), steps, backbone_, std::move(tasks), /*consistency=*/nullptr,
        weighting == v1::PretrainStage::UNCERTAINTY ? std::make_shared<LearntWeights>(trained) : nullptr);
  }

  BatchLoss LossAt(PretrainObjective& objective, int64_t step) {
    absl::StatusOr<BatchLoss> loss = objective.Loss(BuildBatch(*views_, dataset_, 0, 8, step));
    EXPECT_OK(loss);
    return *std::move(loss);
  }

  static std::map<std::string, double> Values(const BatchLoss& loss) {
    std::map<std::string, double> values;
    for (const auto& [name, value] : loss.values) values[name] = value.item<double>();
    return values;
  }

  ThreadProcessGroup group_;
  ToyDataset dataset_{64, 16};
  Backbone backbone_;
  std::unique_ptr<CombinedViewBuilder> views_;
};

TEST_F(PretrainObjectiveTest, LearntWeightsBeginAsTheFixedOnesAndShowTheirState) {
  const Tasks tasks = {{"rotation", 0.5}, {"jigsaw", 0}, {"autoencoder", 1}};
  const auto fixed = Make(tasks, v1::PretrainStage::FIXED, 100);
  const double expected = LossAt(*fixed, 1).loss.item<double>();
  const auto learnt = Make(tasks, v1::PretrainStage::UNCERTAINTY, 100);
  const BatchLoss loss = LossAt(*learnt, 1);
  EXPECT_NEAR(loss.loss.item<double>(), expected, 1e-6);
  loss.loss.backward();
  auto values = Values(loss);
  const at::Tensor gradient = learnt->weights()->log_variances.grad();
  EXPECT_NEAR(gradient[0].item<double>(), 0.5 * (1 - values["rotation_loss"]), 1e-5);
  EXPECT_NEAR(gradient[1].item<double>(), 1 - values["autoencoder_loss"], 1e-5);
  EXPECT_EQ(values["rotation_log_variance"], 0);
  EXPECT_EQ(values["autoencoder_log_variance"], 0);
  EXPECT_THAT(values, Not(Contains(Key("jigsaw_log_variance"))));
  EXPECT_NEAR(learnt->ChanceLosses()[0].second, 0.5 * (1 + std::log(std::log(4.0))) + 1, 1e-9);
}

TEST_F(PretrainObjectiveTest, ShowsHowStronglyEachTaskPullsNowAndThen) {
  const auto objective =
      Make({{"rotation", 1}, {"jigsaw", 0.1}, {"autoencoder", 0}}, v1::PretrainStage::FIXED, 100);
  EXPECT_THAT(Values(LossAt(*objective, 1)), Not(Contains(Key("rotation_gradient_norm"))));
  const BatchLoss loss = LossAt(*objective, 0);
  auto values = Values(loss);
  EXPECT_GT(values["rotation_gradient_norm"], 0);
  EXPECT_GT(values["jigsaw_gradient_norm"], 0);
  EXPECT_THAT(values, Not(Contains(Key("autoencoder_gradient_norm"))));
  for (const at::Tensor& parameter : backbone_->parameters()) EXPECT_FALSE(parameter.grad().defined());
  loss.loss.backward();
  EXPECT_THAT(Values(LossAt(*objective, 99)), Contains(Key("jigsaw_gradient_norm")));
  const auto single = Make({{"rotation", 1}, {"autoencoder", 0}}, v1::PretrainStage::FIXED, 100);
  EXPECT_THAT(Values(LossAt(*single, 0)), Not(Contains(Key("rotation_gradient_norm"))));
}

TEST_F(PretrainObjectiveTest, WeightOneAndTheRestZeroIsTheSingleTask) {
  const auto among = Make({{"rotation", 1}, {"jigsaw", 0}, {"moco", 0}}, v1::PretrainStage::FIXED, 100);
  LossAt(*among, 0).loss.backward();
  const Backbone other = backbone_;
  const auto single = Make({{"rotation", 1}}, v1::PretrainStage::FIXED, 100);
  LossAt(*single, 0).loss.backward();
  for (const auto& item : backbone_->named_parameters()) {
    EXPECT_TRUE(at::equal(item.value().grad(), other->named_parameters()[item.key()].grad())) << item.key();
  }
  for (const auto& item : backbone_->named_buffers()) {
    EXPECT_TRUE(at::equal(item.value(), other->named_buffers()[item.key()])) << item.key();
  }
}

// Autocast keeps casts of weights for a step, also those that it made for a task without gradient.
TEST_F(PretrainObjectiveTest, ATaskOfWeightZeroBeforeOthersCostsThemNoGradientInBf16) {
  const auto objective = Make({{"jigsaw", 0}, {"rotation", 1}}, v1::PretrainStage::FIXED, 100);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const BatchLoss loss = LossAt(*objective, 0);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  loss.loss.backward();
  for (const auto& item : backbone_->named_parameters()) {
    EXPECT_TRUE(item.value().grad().defined()) << item.key();
  }
}

}  // namespace
}  // namespace pretext
