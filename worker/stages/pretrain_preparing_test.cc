#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>

#include "proto/cpp/status_matchers.h"
#include "worker/optim/learning_rate.h"
#include "worker/stages/pretrain_objective.h"

namespace pretext {
namespace {

// A weight whose square is the loss once the task has prepared for so many steps.
class SquareTask : public PretextTask {
 public:
  explicit SquareTask(int64_t preparing) : preparing_(preparing) {
    weight_ = module_.register_parameter("weight", at::full({1}, 3.0));
    module_.register_parameter("other", at::ones({2}), /*requires_grad=*/false);
  }

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output;
    if (batch.step >= preparing_) output.loss = weight_.square().sum();
    output.metrics = {{"readiness", at::full({}, 0.5)}};
    return output;
  }
  absl::StatusOr<Answers> Answer(const Batch& /*batch*/) override { return Answers(); }
  PredictionKind predicts() const override { return PredictionKind::kNone; }
  int64_t preparing_steps() const override { return preparing_; }
  torch::nn::Module& module() override { return module_; }
  double chance_loss() const override { return 9; }

  const at::Tensor& weight() const { return weight_; }

 private:
  int64_t preparing_;
  torch::nn::Module module_;
  at::Tensor weight_;
};

constexpr int64_t kSteps = 10;

v1::PretrainStage Stage() {
  v1::PretrainStage stage;
  stage.mutable_schedule()->set_kind(v1::ScheduleSpec::WARMUP_COSINE);
  stage.mutable_schedule()->set_warmup_share(0);
  stage.mutable_optimizer()->set_learning_rate(0.5);
  stage.mutable_optimizer()->set_momentum(0.9);
  return stage;
}

class PretrainObjectiveTest : public ::testing::Test {
 protected:
  // Adds a task; it is owned by the objective.
  SquareTask* Add(const std::string& name, int64_t preparing, double weight = 1) {
    auto task = std::make_unique<SquareTask>(preparing);
    SquareTask* added = task.get();
    tasks_.push_back({name, weight, {}, {}, std::move(task)});
    return added;
  }
  PretrainObjective Make() { return {Stage(), kSteps, backbone_, std::move(tasks_)}; }

  static BatchLoss LossAt(PretrainObjective& objective, int64_t step) {
    Batch batch;
    batch.step = step;
    return *objective.Loss(batch);
  }
  static bool Says(const BatchLoss& loss, const std::string& name) {
    for (const auto& [key, value] : loss.values) {
      if (key == name) return true;
    }
    return false;
  }

  Backbone backbone_ = *MakeBackbone({"resnet10_narrow", 3, /*small_stem=*/true});
  std::vector<WeightedTask> tasks_;
};

TEST_F(PretrainObjectiveTest, HasNoLossWhileAllThatCountPrepare) {
  Add("late", 5);
  Add("soon", 3);
  Add("uncounted", 0, /*weight=*/0);
  PretrainObjective objective = Make();
  const BatchLoss preparing = LossAt(objective, 2);
  EXPECT_FALSE(preparing.loss.defined());
  EXPECT_FALSE(Says(preparing, "late_loss"));
  EXPECT_FALSE(Says(preparing, "soon_loss"));
  EXPECT_TRUE(Says(preparing, "uncounted_loss"));
  EXPECT_TRUE(Says(preparing, "late_readiness"));
  EXPECT_NEAR(LossAt(objective, 3).loss.item<double>(), 9, 1e-6);
  EXPECT_NEAR(LossAt(objective, 5).loss.item<double>(), 18, 1e-6);
}

TEST_F(PretrainObjectiveTest, GivesWhatATaskTrainsLaterAGradientOfZeros) {
  SquareTask* late = Add("late", 5);
  SquareTask* now = Add("now", 0);
  PretrainObjective objective = Make();
  LossAt(objective, 4).loss.backward();
  EXPECT_EQ(late->weight().grad().item<double>(), 0);
  EXPECT_EQ(now->weight().grad().item<double>(), 6);
  EXPECT_FALSE(late->module().parameters()[1].grad().defined());
}

TEST_F(PretrainObjectiveTest, SchedulesRatesOverTheStepsWithALoss) {
  Add("late", 5);
  Add("soon", 3);
  Add("uncounted", 0, /*weight=*/0);
  const PretrainObjective objective = Make();
  EXPECT_EQ(objective.RatesAt(2).back().learning_rate, 0);
  for (int64_t step = 3; step < kSteps; ++step) {
    EXPECT_EQ(objective.RatesAt(step).back().learning_rate,
              ScheduledRates(Stage().schedule(), Stage().optimizer(), step - 3, kSteps - 3).learning_rate);
  }
}

}  // namespace
}  // namespace pretext
