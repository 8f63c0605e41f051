#include "worker/stages/initial_weights.h"

#include <ATen/ops/equal.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

BackboneOptions Narrow(bool small_stem = true) {
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.in_channels = 3;
  options.small_stem = small_stem;
  return options;
}

class InitialWeightsTest : public ::testing::Test {
 protected:
  InitialWeightsTest()
      : folder_(absl::StrCat(::testing::TempDir(), "/initial-",
                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/exported");
    SeedFreshWeights(11, 0, 0);
    backbone_ = *MakeBackbone(Narrow());
  }

  void Export(const std::string& name) {
    WeightsCard card;
    card.backbone = Narrow();
    card.mean = card.std = {0.5, 0.5, 0.5};
    card.image_size = 28;
    EXPECT_OK(WriteSafetensors(absl::StrCat(folder_, "/exported/", name, ".safetensors"),
                               MakeStateDict(*backbone_), card.ToMetadata()));
  }

  v1::JobSpec Spec(const std::string& stages) {
    ParsedSpec parsed = ParseSpec("stages: " + stages);
    ApplyDefaults(&parsed.spec);
    parsed.spec.set_output(folder_);
    return parsed.spec;
  }

  std::string folder_;
  Backbone backbone_;
};

TEST_F(InitialWeightsTest, TakesTheStageBefore) {
  Export("first");
  const v1::JobSpec spec = Spec("[{name: first, pretrain: {tasks: [{moco: {}}]}}, {finetune: {}}]");
  ASSERT_OK_AND_ASSIGN(const InitialWeights weights, FindInitialWeights(spec, 1));
  EXPECT_THAT(weights.source, HasSubstr("stage first"));
  EXPECT_EQ(weights.card->image_size, 28);
  ASSERT_OK_AND_ASSIGN(const BackboneOptions options, ChooseBackbone(weights, {}, 3));
  EXPECT_TRUE(options.small_stem);
  ASSERT_OK_AND_ASSIGN(const InitialBackbone made, MakeInitialBackbone(weights, options, 0, 1, at::kCPU));
  EXPECT_TRUE(at::equal(made.backbone->named_parameters()["conv1.weight"],
                        backbone_->named_parameters()["conv1.weight"]));
  EXPECT_THAT(made.summary, HasSubstr("tensors loaded"));
}

TEST_F(InitialWeightsTest, AnEvaluatingStagePassesOnWhatItJudged) {
  Export("first");
  const v1::JobSpec spec =
      Spec("[{name: first, pretrain: {tasks: [{moco: {}}]}}, {evaluate: {knn: {}}}, {finetune: {}}]");
  ASSERT_OK_AND_ASSIGN(const InitialWeights weights, FindInitialWeights(spec, 2));
  EXPECT_THAT(weights.source, HasSubstr("stage first"));
}

TEST_F(InitialWeightsTest, TakesAnOutputFolderForItsBackbone) {
  Export("backbone");
  v1::JobSpec spec = Spec("[{finetune: {}}]");
  spec.mutable_stages(0)->mutable_finetune()->mutable_init()->set_file(folder_);
  ASSERT_OK_AND_ASSIGN(const InitialWeights weights, FindInitialWeights(spec, 0));
  EXPECT_TRUE(weights.card.has_value());
}

TEST_F(InitialWeightsTest, SaysWhatAFolderWithoutWeightsLacks) {
  v1::JobSpec spec = Spec("[{finetune: {}}]");
  spec.mutable_stages(0)->mutable_finetune()->mutable_init()->set_file(folder_);
  EXPECT_THAT(FindInitialWeights(spec, 0).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("exported/backbone.safetensors")));
}

TEST_F(InitialWeightsTest, RecognisesWeightsOfOtherProgramsByTheirShapes) {
  StateDict tensors;
  for (const auto& [name, tensor] : MakeStateDict(*backbone_)) tensors["module.encoder_q." + name] = tensor;
  EXPECT_OK(WriteSafetensors(folder_ + "/other.safetensors", tensors, {}));
  v1::JobSpec spec = Spec("[{finetune: {}}]");
  spec.mutable_stages(0)->mutable_finetune()->mutable_init()->set_file(folder_ + "/other.safetensors");
  ASSERT_OK_AND_ASSIGN(const InitialWeights weights, FindInitialWeights(spec, 0));
  EXPECT_FALSE(weights.card.has_value());
  ASSERT_OK_AND_ASSIGN(const BackboneOptions options, ChooseBackbone(weights, {}, 3));
  EXPECT_EQ(options.name, "resnet10_narrow");
  EXPECT_TRUE(options.small_stem);
}

TEST_F(InitialWeightsTest, AsksForANameWhenNothingFits) {
  InitialWeights weights;
  weights.source = "odd.safetensors";
  weights.tensors["odd"] = backbone_->named_parameters()["conv1.weight"];
  EXPECT_THAT(ChooseBackbone(weights, {}, 3).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("backbone.name")));
}

TEST_F(InitialWeightsTest, NamesWhatAFileHasWhenNothingFits) {
  InitialWeights weights;
  weights.source = "keras.safetensors";
  weights.tensors["stem/kernel"] = backbone_->named_parameters()["conv1.weight"];
  EXPECT_THAT(ChooseBackbone(weights, {}, 3).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("conv1.weight"), HasSubstr("the file has: stem/kernel"))));
}

TEST_F(InitialWeightsTest, TellsWhenTheFirstConvolutionStaysFresh) {
  InitialWeights weights;
  weights.source = "headless.safetensors";
  weights.tensors = MakeStateDict(*backbone_);
  ASSERT_OK_AND_ASSIGN(const InitialBackbone whole, MakeInitialBackbone(weights, Narrow(), 0, 0, at::kCPU));
  EXPECT_FALSE(whole.is_partial);
  weights.tensors.erase("conv1.weight");
  ASSERT_OK_AND_ASSIGN(const InitialBackbone made, MakeInitialBackbone(weights, Narrow(), 0, 0, at::kCPU));
  EXPECT_TRUE(made.is_partial);
  EXPECT_THAT(made.summary, HasSubstr("1 missing (conv1.weight)"));
}

TEST_F(InitialWeightsTest, LoadingTheStemChangesOnlyTheStemsTensors) {
  Export("first");
  const v1::JobSpec spec = Spec(R"([{name: first, pretrain: {tasks: [{rotation: {}}]}},
      {name: second, pretrain: {tasks: [{rotation: {}}], init: {stage: first, layers: [stem]}}}])");
  ASSERT_OK_AND_ASSIGN(const InitialWeights weights, FindInitialWeights(spec, 1));
  ASSERT_OK_AND_ASSIGN(const InitialBackbone made, MakeInitialBackbone(weights, Narrow(), 5, 1, at::kCPU));
  ASSERT_OK_AND_ASSIGN(const InitialBackbone fresh, MakeInitialBackbone({}, Narrow(), 5, 1, at::kCPU));
  std::vector<std::string> changed;
  const StateDict before = MakeStateDict(*fresh.backbone), loaded = MakeStateDict(*backbone_);
  for (const auto& [name, tensor] : MakeStateDict(*made.backbone)) {
    if (!at::equal(tensor, before.at(name))) changed.push_back(name);
    if (name == "conv1.weight") EXPECT_TRUE(at::equal(tensor, loaded.at(name)));
  }
  EXPECT_THAT(changed, ::testing::ElementsAre("conv1.weight"));  // fresh normalisations are all alike
  EXPECT_FALSE(made.is_partial);
  EXPECT_THAT(made.summary, HasSubstr("only stem as asked"));
  EXPECT_EQ(made.found["layers"], nlohmann::ordered_json({"stem"}));
  EXPECT_EQ(made.found["loaded"], 6);
  EXPECT_EQ(made.found["left_out"], before.size() - 6);
}

TEST_F(InitialWeightsTest, RandomWeightsFollowFromSeedAndStage) {
  const InitialWeights random;
  const auto first = [&](uint64_t seed, int stage) {
    return MakeInitialBackbone(random, Narrow(), seed, stage, at::kCPU)
        ->backbone->named_parameters()["conv1.weight"];
  };
  EXPECT_TRUE(at::equal(first(1, 0), first(1, 0)));
  EXPECT_FALSE(at::equal(first(1, 0), first(2, 0)));
  EXPECT_FALSE(at::equal(first(1, 0), first(1, 1)));
}

}  // namespace
}  // namespace pretext
