#include "worker/stages/finetune_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/status_matchers.h"
#include "worker/dist/thread_process_group.h"
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
    if (stage.has_unlabelled()) {
      ratio = stage.unlabelled().ratio();
      options.unlabelled = {stage.unlabelled(), /*bn_groups=*/1, &group, &pictures};
    }
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
    if (ratio == 0) return batch;
    batch.fields.push_back(at::randint(256, {8, ratio, 16, 16, 3}, at::kByte));
    batch.fields.push_back(at::randint(256, {8, ratio, 16, 16, 3}, at::kByte));
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
    values.clear();
    for (const auto& [name, value] : loss->values) values[name] = value.item<double>();
    values["loss"] = loss->loss.item<double>();
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
  ToyDataset dataset{4, 16};
  UnlabelledPictures pictures{UnlabelledPicturesOptions{&dataset}};  // whose status is asked for alone
  ThreadProcessGroup group;
  int ratio = 0;                         // of unlabelled pictures
  std::map<std::string, double> values;  // of the last step
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

v1::FinetuneStage WithUnlabelled(v1::FinetuneStage::Recipe recipe, v1::UnlabelledSpec::Method method) {
  v1::JobSpec job;
  v1::FinetuneStage* stage = job.add_stages()->mutable_finetune();
  stage->set_recipe(recipe);
  stage->set_epochs(5);
  stage->mutable_unlabelled()->set_method(method);
  stage->mutable_unlabelled()->set_ratio(2);
  stage->mutable_unlabelled()->set_confidence(0);  // all count
  ApplyDefaults(&job);
  return job.stages(0).finetune();
}

TEST(FinetuneObjectiveTest, UnlabelledPicturesAddTheirPartOfTheLoss) {
  for (const auto method : {v1::UnlabelledSpec::UDA, v1::UnlabelledSpec::FIXMATCH}) {
    v1::FinetuneStage stage = WithUnlabelled(v1::FinetuneStage::FULL, method);
    stage.mutable_unlabelled()->set_weight(0.5);
    Training training(stage);
    for (int64_t step = 0; step < 3; ++step) {
      training.Step(step);
      EXPECT_GT(training.values.at("unlabelled_loss"), 0);
      EXPECT_NEAR(training.values.at("loss"),
                  training.values.at("labelled_loss") + 0.5 * training.values.at("unlabelled_loss"), 1e-4);
      EXPECT_EQ(training.values.at("confident_share"), 1);
      EXPECT_EQ(training.values.count("kept_share"), 0);
    }
  }
}

TEST(FinetuneObjectiveTest, UnlabelledPicturesThatNobodyIsSureOfLeaveTheLabelledLoss) {
  v1::FinetuneStage stage = WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::FIXMATCH);
  stage.mutable_unlabelled()->set_confidence(0.9999999);
  Training training(stage);
  training.Step(0);
  EXPECT_EQ(training.values.at("unlabelled_loss"), 0);
  EXPECT_EQ(training.values.at("confident_share"), 0);
  EXPECT_EQ(training.values.at("loss"), training.values.at("labelled_loss"));
}

// What pictures are taken for follows from the weights and the picture alone, and nothing learns from asking.
TEST(FinetuneObjectiveTest, AskingWhatPicturesAreChangesNoStatisticsAndGivesNoGradient) {
  Training one(WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::UDA));
  Training other(WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::UDA));
  Batch batch = one.MakeBatch(0);
  one.objective->Prepare(0);
  other.objective->Prepare(0);
  ASSERT_OK(one.objective->Loss(batch));
  batch.fields[2] = at::randint(256, {8, 2, 16, 16, 3}, at::kByte);  // other pictures, the same copies
  ASSERT_OK(other.objective->Loss(batch));
  const StateDict first = one.Copy(), second = other.Copy();
  for (const auto& [name, tensor] : first) EXPECT_TRUE(at::equal(tensor, second.at(name))) << name;
}

TEST(FinetuneObjectiveTest, AfterAskingTheFrozenNormalisationsAreAsTheyWere) {
  v1::FinetuneStage stage = WithUnlabelled(v1::FinetuneStage::FINE_TUNE, v1::UnlabelledSpec::UDA);
  stage.set_freeze_bn(true);
  Training training(stage);
  const StateDict before = training.Copy();
  training.Step(0);
  training.Step(1);
  EXPECT_THAT(Changed(before, training), ::testing::IsEmpty());
  training.Step(2);
  training.Step(3);
  EXPECT_THAT(Changed(before, training), ::testing::Contains("bn1.running_mean"));
  EXPECT_THAT(Changed(before, training), ::testing::Contains("conv1.weight"));
}

TEST(FinetuneObjectiveTest, EveryRecipeTrainsWithUnlabelledPictures) {
  for (const auto recipe :
       {v1::FinetuneStage::FINE_TUNE, v1::FinetuneStage::ULMFIT, v1::FinetuneStage::FULL}) {
    Training training(WithUnlabelled(recipe, v1::UnlabelledSpec::UDA));
    for (const int64_t step : {0, 2, 5, 9}) {
      training.Step(step);
      EXPECT_TRUE(std::isfinite(training.values.at("loss"))) << recipe << " step " << step;
    }
  }
}

// The pass without gradient is the first to cast the weights; had autocast kept its casts, the other pass
// would have no gradient.
TEST(FinetuneObjectiveTest, UnderAutocastAllWeightsGetTheirGradient) {
  Training training(WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::UDA));
  training.objective->Prepare(0);
  const Batch batch = training.MakeBatch(0);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const absl::StatusOr<BatchLoss> loss = training.objective->Loss(batch);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  ASSERT_OK(loss);
  loss->loss.backward();
  for (const auto& group : training.groups) {
    for (const auto& [name, parameter] : group.parameters) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_GT(parameter.grad().abs().max().item<double>(), 0) << name;
    }
  }
}

TEST(FinetuneObjectiveTest, AnnealingLeavesOutLabelledPicturesThatAreSureTooEarly) {
  v1::FinetuneStage stage = WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::UDA);
  stage.mutable_unlabelled()->set_annealing(v1::UnlabelledSpec::LINEAR);
  Training training(stage);
  training.Step(0);  // the threshold is a third
  EXPECT_GT(training.values.at("kept_share"), 0);
  EXPECT_LT(training.values.at("kept_share"), 1);
  EXPECT_GE(training.values.at("labelled_loss"), std::log(3) - 1e-5);
  stage.mutable_unlabelled()->set_annealing(v1::UnlabelledSpec::LOGARITHMIC);
  Training late(stage);
  late.Step(9);  // 0.993
  EXPECT_EQ(late.values.at("kept_share"), 1);
}

TEST(FinetuneObjectiveTest, TooManyBrokenUnlabelledPicturesEndTheTraining) {
  class Broken final : public Dataset {
   public:
    int64_t size() const override { return 3; }
    absl::StatusOr<Image> Load(int64_t index) const override { return absl::DataLossError("cut short"); }
    int32_t label(int64_t index) const override { return -1; }
    std::string name(int64_t index) const override { return "broken"; }
    int channels() const override { return 3; }
    const std::vector<std::string>& class_names() const override { return names_; }

   private:
    std::vector<std::string> names_;
  };
  const Broken broken;
  UnlabelledPicturesOptions pictures_options;
  pictures_options.dataset = &broken;
  pictures_options.labelled = 8;
  pictures_options.image_size = 16;
  UnlabelledPictures pictures(pictures_options);
  std::vector<uint8_t> plain(768), copies(768);
  uint8_t* fields[] = {plain.data(), copies.data()};
  const BatchLayout layout = pictures.layout();
  pictures.Render({}, ExampleSlot(fields, layout));

  Training training(WithUnlabelled(v1::FinetuneStage::FULL, v1::UnlabelledSpec::UDA));
  FinetuneOptions options;
  options.plan = PlanFinetune(StageOf(v1::FinetuneStage::FULL), 2, static_cast<int>(training.groups.size()));
  options.classes = 3;
  options.unlabelled = {v1::UnlabelledSpec(), 1, &training.group, &pictures};
  FinetuneObjective objective(options, training.backbone, &training.classifier, training.groups);
  objective.Prepare(0);
  EXPECT_THAT(objective.Loss(training.MakeBatch(0)).status(),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("cut short")));
}

}  // namespace
}  // namespace pretext
