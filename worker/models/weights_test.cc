#include "worker/models/weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_matchers.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Backbone Make(int in_channels = 3, bool small_stem = false) {
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.in_channels = in_channels;
  options.small_stem = small_stem;
  Backbone backbone = MakeBackbone(options).value();
  backbone->eval();
  return backbone;
}

StateDict WithPrefix(const StateDict& state, const std::string& prefix) {
  StateDict renamed;
  for (const auto& [name, tensor] : state) renamed[prefix + name] = tensor;
  return renamed;
}

TEST(WeightsTest, StripsTheWrappersOfWellKnownTools) {
  const Backbone source = Make();
  const at::Tensor images = at::randn({2, 3, 64, 64});
  for (const char* prefix :
       {"", "module.", "backbone.", "module.encoder_q.", "model.backbone.", "state_dict.module."}) {
    const Backbone target = Make();
    ASSERT_OK_AND_ASSIGN(const WeightsReport report,
                         LoadBackboneWeights(WithPrefix(MakeStateDict(*source), prefix), "file", *target));
    EXPECT_EQ(report.prefix, prefix);
    EXPECT_THAT(report.missing, IsEmpty());
    EXPECT_THAT(report.unexpected, IsEmpty());
    EXPECT_TRUE(at::equal(target->Forward(images), source->Forward(images))) << prefix;
  }
}

TEST(WeightsTest, TakesTheQueryEncoderOfAMocoCheckpointAndListsTheRest) {
  const Backbone query = Make(), key = Make(), target = Make();
  StateDict state = WithPrefix(MakeStateDict(*query), "module.encoder_q.");
  state.merge(WithPrefix(MakeStateDict(*key), "module.encoder_k."));
  state["module.encoder_q.fc.0.weight"] = at::zeros({2});
  state["module.queue"] = at::zeros({2});
  ASSERT_OK_AND_ASSIGN(const WeightsReport report, LoadBackboneWeights(state, "file", *target));
  EXPECT_TRUE(at::equal(target->parameters()[0], query->parameters()[0]));
  EXPECT_THAT(report.unexpected,
              AllOf(::testing::Contains("module.encoder_q.fc.0.weight"), ::testing::Contains("module.queue"),
                    ::testing::Contains("module.encoder_k.conv1.weight")));
  EXPECT_THAT(report.Summary(), HasSubstr("0 missing"));
}

TEST(WeightsTest, SumsTheFiltersForGreyPictures) {
  const Backbone colour = Make(3), grey = Make(1);
  ASSERT_OK_AND_ASSIGN(const WeightsReport report,
                       LoadBackboneWeights(MakeStateDict(*colour), "file", *grey));
  EXPECT_THAT(report.adapted, HasSubstr("3 -> 1"));
  const at::Tensor picture = at::randn({2, 1, 64, 64});
  EXPECT_TRUE(
      at::allclose(grey->Forward(picture), colour->Forward(picture.expand({2, 3, 64, 64})), 1e-3, 1e-4));
}

TEST(WeightsTest, RepeatsTheFilterForColourPictures) {
  const Backbone grey = Make(1), colour = Make(3);
  ASSERT_OK(LoadBackboneWeights(MakeStateDict(*grey), "file", *colour).status());
  const at::Tensor picture = at::randn({2, 1, 64, 64});
  EXPECT_TRUE(
      at::allclose(colour->Forward(picture.expand({2, 3, 64, 64})), grey->Forward(picture), 1e-3, 1e-4));
}

TEST(WeightsTest, LeavesFurtherChannelsAtZero) {
  const Backbone three = Make(3), five = Make(5);
  ASSERT_OK(LoadBackboneWeights(MakeStateDict(*three), "file", *five).status());
  const at::Tensor first = five->named_parameters()["conv1.weight"];
  EXPECT_TRUE(at::equal(first.narrow(1, 0, 3), three->named_parameters()["conv1.weight"]));
  EXPECT_EQ(first.narrow(1, 3, 2).abs().max().item<float>(), 0);
}

TEST(WeightsTest, ReportsAnotherStemAndLoadsTheRest) {
  const Backbone standard = Make(3), small = Make(3, /*small_stem=*/true);
  ASSERT_OK_AND_ASSIGN(const WeightsReport report,
                       LoadBackboneWeights(MakeStateDict(*standard), "file", *small));
  EXPECT_THAT(report.missing, ElementsAre("conv1.weight"));
  EXPECT_THAT(report.mismatched, ElementsAre("conv1.weight: (16, 3, 7, 7) in the file, (16, 3, 3, 3) here"));
  EXPECT_TRUE(report.is_partial());
}

TEST(WeightsTest, ToleratesFilesWithoutBatchCounts) {
  StateDict state = MakeStateDict(*Make());
  for (auto it = state.begin(); it != state.end();) {
    it = it->first.find("num_batches_tracked") != std::string::npos ? state.erase(it) : std::next(it);
  }
  ASSERT_OK_AND_ASSIGN(const WeightsReport report, LoadBackboneWeights(state, "file", *Make()));
  EXPECT_EQ(report.missing.size(), 12);
  EXPECT_FALSE(report.is_partial());
}

TEST(WeightsTest, RefusesWeightsOfAnotherNetworkAndChangesNothing) {
  BackboneOptions options;
  options.name = "resnet18";
  const Backbone other = MakeBackbone(options).value(), target = Make();
  const at::Tensor before = target->parameters()[0].detach().clone();
  EXPECT_THAT(LoadBackboneWeights(MakeStateDict(*other), "weights.safetensors", *target),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("weights.safetensors does not fit backbone resnet10_narrow"),
                             HasSubstr("Choose the backbone"))));
  EXPECT_TRUE(at::equal(target->parameters()[0], before));
  EXPECT_THAT(LoadBackboneWeights({}, "nothing", *target), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(WeightsTest, SaysWhenAFileLacksTheFirstConvolutionOrStatistics) {
  for (const char* name : {"conv1.weight", "bn1.running_mean"}) {
    StateDict state = MakeStateDict(*Make());
    state.erase(name);
    ASSERT_OK_AND_ASSIGN(const WeightsReport report, LoadBackboneWeights(state, "file", *Make()));
    EXPECT_TRUE(report.is_partial()) << name;
    EXPECT_THAT(report.Summary(), AllOf(HasSubstr(absl::StrCat("1 missing (", name, ")")),
                                        HasSubstr("what is missing stays fresh")));
  }
}

TEST(WeightsTest, RefusesAFileWhoseNamesFitNothingWithExamplesOfBoth) {
  StateDict state;
  for (int i = 0; i < 20; ++i) state[absl::StrCat("features.", i, ".kernel")] = at::zeros({2});
  EXPECT_THAT(LoadBackboneWeights(state, "keras.safetensors", *Make()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("keras.safetensors does not fit"), HasSubstr(": 0 of "),
                             HasSubstr("Missing: bn1.bias, "),
                             HasSubstr("the file has: features.0.kernel, features.1.kernel, "),
                             HasSubstr(" and 15 more"))));
}

StateDict Clones(const BackboneModule& backbone) {
  StateDict state;
  for (const auto& [name, tensor] : MakeStateDict(backbone)) state[name] = tensor.clone();
  return state;
}

TEST(WeightsTest, LoadsOnlyTheBlocksAskedForAndTellsTheRest) {
  const Backbone source = Make(), target = Make();
  source->named_buffers()["bn1.running_mean"].fill_(3);
  const StateDict before = Clones(*target);
  ASSERT_OK_AND_ASSIGN(const WeightsReport report,
                       LoadBackboneWeights(MakeStateDict(*source), "file", *target, {"stem"}));
  for (const auto& [name, tensor] : MakeStateDict(*target)) {
    const bool of_stem = name.rfind("conv1.", 0) == 0 || name.rfind("bn1.", 0) == 0;
    EXPECT_TRUE(at::equal(tensor, of_stem ? MakeStateDict(*source).at(name) : before.at(name))) << name;
  }
  EXPECT_FALSE(at::equal(before.at("conv1.weight"), target->named_parameters()["conv1.weight"]));
  EXPECT_FALSE(report.is_partial());
  EXPECT_THAT(report.loaded, ::testing::SizeIs(6));
  EXPECT_EQ(report.loaded.size() + report.fresh.size(), before.size());
  EXPECT_EQ(report.left_out.size(), report.fresh.size());
  EXPECT_THAT(report.Summary(), HasSubstr("only stem as asked"));
}

TEST(WeightsTest, BlocksOfAnotherNetworkWillDo) {
  const Backbone source = Make();
  BackboneOptions deeper;
  deeper.name = "resnet18_narrow";
  const Backbone target = MakeBackbone(deeper).value();
  EXPECT_THAT(LoadBackboneWeights(MakeStateDict(*source), "file", *target),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(LoadBackboneWeights(MakeStateDict(*source), "file", *target, {"stem"}).status());
  EXPECT_THAT(LoadBackboneWeights(MakeStateDict(*source), "file", *target, {"stem", "layer1"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("parameters of stem, layer1")));
}

TEST(WeightsTest, RefusesADeepStemUnlessItIsNotAskedFor) {
  StateDict state = MakeStateDict(*Make());
  state["conv1.0.weight"] = state["conv1.3.weight"] = state.at("conv1.weight");
  state.erase("conv1.weight");
  EXPECT_THAT(LoadBackboneWeights(state, "resnet18d.safetensors", *Make()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("resnet18d.safetensors has a deep stem"), HasSubstr("init.layers"))));
  EXPECT_OK(LoadBackboneWeights(state, "file", *Make(), {"layer1", "layer2", "layer3", "layer4"}).status());
}

TEST(WeightsTest, ComeBackFromAFileWithTheirCard) {
  const Backbone source = Make(1, /*small_stem=*/true);
  WeightsCard card;
  card.backbone = source->options();
  card.mean = {0.28604059698879547};
  card.std = {0.35302424451492237};
  card.image_size = 28;
  card.task = "moco";
  card.job_digest = "abc";
  const std::string path = ::testing::TempDir() + "/backbone.safetensors";
  ASSERT_OK(WriteSafetensors(path, MakeStateDict(*source), card.ToMetadata()));
  ASSERT_OK_AND_ASSIGN(const SafetensorsFile file, ReadSafetensors(path));
  EXPECT_EQ(file.metadata.at("format"), "pt");
  ASSERT_OK_AND_ASSIGN(const WeightsCard read, ParseWeightsCard(file.metadata));
  EXPECT_EQ(read.backbone.name, "resnet10_narrow");
  EXPECT_EQ(read.backbone.in_channels, 1);
  EXPECT_TRUE(read.backbone.small_stem);
  EXPECT_EQ(read.mean, card.mean);
  EXPECT_EQ(read.std, card.std);
  EXPECT_EQ(read.image_size, 28);
  EXPECT_EQ(read.weights, "raw");
  const Backbone target = MakeBackbone(read.backbone).value();
  target->eval();
  ASSERT_OK_AND_ASSIGN(const WeightsReport report, LoadBackboneWeights(file.tensors, path, *target));
  EXPECT_THAT(report.missing, IsEmpty());
  EXPECT_THAT(report.unexpected, IsEmpty());
  const at::Tensor images = at::randn({2, 1, 28, 28});
  EXPECT_TRUE(at::equal(target->Forward(images), source->Forward(images)));
}

TEST(WeightsTest, SaysWhichKeyOfACardIsMissingOrMalformed) {
  auto metadata = WeightsCard().ToMetadata();
  metadata["pretext.image_size"] = "large";
  EXPECT_THAT(ParseWeightsCard(metadata),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pretext.image_size is \"large\"")));
  EXPECT_THAT(ParseWeightsCard({{"format", "pt"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("pretext.architecture")));
}

}  // namespace
}  // namespace pretext
