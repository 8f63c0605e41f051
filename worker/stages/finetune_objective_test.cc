#include "worker/stages/finetune_objective.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>

#include <map>

#include "gmock/gmock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/status_matchers.h"
#include "worker/models/weights.h"
#include "worker/optim/optimizer.h"
#include "worker/tasks/toy_stage.h"

namespace pretext {
namespace {

v1::FinetuneStage StageOf(v1::FinetuneStage::Recipe recipe) {
  v1::JobSpec job;
  job.add_stages()->mutable_finetune()->set_recipe(recipe);
  job.mutable_stages(0)->mutable_finetune()->set_epochs(5);
  ApplyDefaults(&job);
  return job.stages(0).finetune();
}

// A classifier of three classes and one step of training by hand.
struct Training {
  explicit Training(const v1::FinetuneStage& stage, int64_t steps_per_epoch = 2)
      : backbone(ToyBackbone()),
        classifier(stage.recipe() == v1::FinetuneStage::LINEAR_PROBE ? Classifier::Kind::kLinear
                                                                     : Classifier::Kind::kFastai,
                   backbone->feature_size(), 3),
        groups(LayerGroups(*backbone, classifier.module())) {
    FinetuneOptions options;
    options.plan = PlanFinetune(stage, steps_per_epoch, static_cast<int>(groups.size()));
    options.classes = 3;
    objective = std::make_unique<FinetuneObjective>(options, backbone, &classifier, groups);
    v1::OptimizerSpec spec;
    spec.set_kind(v1::OptimizerSpec::ADAMW);
    spec.set_weight_decay(0.01);
    optimizer = MakeOptimizer(spec, groups);
  }

  Batch MakeBatch(int64_t step) const {
    Batch batch;
    batch.step = step;
    batch.fields = {at::randint(256, {8, 16, 16, 3}, at::kByte), at::randint(3, {8}, at::kLong)};
    return batch;
  }

  // The set of trained parameters changed.
  bool Step(int64_t step) {
    const bool changed = objective->Prepare(step);
    for (const auto& group : groups) {
      for (auto [name, parameter] : group.parameters) parameter.mutable_grad().reset();
    }
    const absl::StatusOr<BatchLoss> loss = objective->Loss(MakeBatch(step));
    EXPECT_OK(loss);
    loss->loss.backward();
    optimizer->Step(objective->RatesAt(step));
    return changed;
  }

  StateDict Copy() const {
    StateDict copy;
    for (const auto& [name, tensor] : MakeStateDict(*backbone)) copy[name] = tensor.detach().clone();
    return copy;
  }

  Backbone backbone;
  Classifier classifier;
  std::vector<ParameterGroup> groups;
  std::unique_ptr<FinetuneObjective> objective;
  std::unique_ptr<Optimizer> optimizer;
};

// Names of the backbone's tensors that changed.
std::vector<std::string> Changed(const StateDict& before, const Training& training) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : training.Copy()) {
    if (!at::equal(tensor, before.at(name))) names.push_back(name);
  }
  return names;
}

TEST(FinetuneObjectiveTest, TheFrozenPhaseTrainsOnlyTheHeadAndTheNormalisations) {
  Training training(StageOf(v1::FinetuneStage::FINE_TUNE));
  const StateDict before = training.Copy();
  EXPECT_TRUE(training.Step(0));
  EXPECT_FALSE(training.Step(1));
  const std::vector<std::string> changed = Changed(before, training);
  EXPECT_THAT(changed, ::testing::Contains("bn1.weight"));
  EXPECT_THAT(changed, ::testing::Contains("bn1.running_mean"));
  for (const std::string& name : changed)
    EXPECT_THAT(name, ::testing::Not(::testing::HasSubstr("conv"))) << name;
  EXPECT_TRUE(training.Step(2));  // all groups from here on
  EXPECT_THAT(Changed(before, training), ::testing::Contains("conv1.weight"));
}

TEST(FinetuneObjectiveTest, FreezeBnLeavesTheFrozenBackboneBitForBit) {
  v1::FinetuneStage stage = StageOf(v1::FinetuneStage::FINE_TUNE);
  stage.set_freeze_bn(true);
  Training training(stage);
  const StateDict before = training.Copy();
  training.Step(0);
  training.Step(1);
  EXPECT_THAT(Changed(before, training), ::testing::IsEmpty());
  training.Step(2);
  EXPECT_THAT(Changed(before, training), ::testing::Contains("bn1.running_mean"));
}

TEST(FinetuneObjectiveTest, ALinearProbeLeavesTheBackboneBitForBit) {
  Training training(StageOf(v1::FinetuneStage::LINEAR_PROBE));
  const StateDict before = training.Copy();
  for (int64_t step = 0; step < 4; ++step) training.Step(step);
  EXPECT_THAT(Changed(before, training), ::testing::IsEmpty());
  EXPECT_EQ(training.classifier.ExportedTensors().count("fc.weight"), 1);
}

TEST(FinetuneObjectiveTest, UlmfitThawsGroupsFromTheHeadDown) {
  Training training(StageOf(v1::FinetuneStage::ULMFIT));
  StateDict before = training.Copy();
  training.Step(0);
  for (const std::string& name : Changed(before, training)) EXPECT_EQ(name.find("conv"), std::string::npos);
  training.Step(2);
  EXPECT_THAT(Changed(before, training), ::testing::Contains("layer4.0.conv1.weight"));
  EXPECT_THAT(Changed(before, training), ::testing::Not(::testing::Contains("layer2.0.conv1.weight")));
  training.Step(4);
  EXPECT_THAT(Changed(before, training), ::testing::Contains("layer2.0.conv1.weight"));
}

TEST(FinetuneObjectiveTest, PredictingChangesNothingAndTrainingGoesOn) {
  Training training(StageOf(v1::FinetuneStage::FULL));
  training.Step(0);
  const StateDict before = training.Copy();
  const at::Tensor pictures = training.MakeBatch(0).fields[0];
  const at::Tensor scores = training.objective->Predict(pictures);
  EXPECT_EQ(scores.sizes(), at::IntArrayRef({8, 3}));
  EXPECT_TRUE(at::equal(scores, training.objective->Predict(pictures)));
  EXPECT_THAT(Changed(before, training), ::testing::IsEmpty());
  training.Step(1);
  EXPECT_THAT(Changed(before, training), ::testing::Contains("bn1.running_mean"));
}

}  // namespace
}  // namespace pretext
