#include "worker/optim/parameter_groups.h"

#include <ATen/ops/zeros.h>

#include <memory>
#include <set>

#include "proto/cpp/status_matchers.h"
#include "worker/models/batch_norm.h"
#include "worker/models/heads.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

Backbone Make(const std::string& name) {
  BackboneOptions options;
  options.name = name;
  return MakeBackbone(options).value();
}

// Names of all biases and of all that belongs to a normalisation, found by walking the modules.
std::set<std::string> BiasesAndNormalizations(const torch::nn::Module& module) {
  std::set<std::string> names;
  for (const auto& part : module.named_modules()) {
    const std::string prefix = part.key().empty() ? "" : part.key() + ".";
    for (const auto& item : part.value()->named_parameters(/*recurse=*/false)) {
      if (item.key() == "bias" || part.value()->as<GroupedBatchNorm>() != nullptr) {
        names.insert(prefix + item.key());
      }
    }
  }
  return names;
}

void ExpectDecaySparesJustThose(const torch::nn::Module& module) {
  std::set<std::string> exempt;
  for (const auto& [name, parameter] : TrainedParameters(module, "")) {
    if (IsExemptFromDecay(name, parameter)) exempt.insert(name);
  }
  EXPECT_FALSE(exempt.empty());
  EXPECT_THAT(exempt, UnorderedElementsAreArray(BiasesAndNormalizations(module)));
}

TEST(ParameterGroupsTest, DecaySparesEveryBiasAndNormalizationAndNothingElse) {
  for (const char* name : {"resnet18", "resnet50", "resnet10_narrow"})
    ExpectDecaySparesJustThose(*Make(name));
  ExpectDecaySparesJustThose(*std::make_shared<ClassificationHead>(32, 10));
  ExpectDecaySparesJustThose(*std::make_shared<MlpHead>(32, 32, 16));
  ExpectDecaySparesJustThose(*std::make_shared<LinearHead>(32, 10));
}

TEST(ParameterGroupsTest, DecaySparesAConvolutionsBiasWhateverItsShape) {
  EXPECT_TRUE(IsExemptFromDecay("decoder.bias", at::zeros({8, 1, 1})));
  EXPECT_TRUE(IsExemptFromDecay("bias", at::zeros({8, 1, 1})));
  EXPECT_TRUE(IsExemptFromDecay("temperature", at::zeros({})));
  EXPECT_FALSE(IsExemptFromDecay("layer.antibias", at::zeros({8, 1, 1})));
}

TEST(ParameterGroupsTest, NormalizationsAreKnownByTheirModule) {
  const Backbone backbone = Make("resnet10_narrow");
  EXPECT_TRUE(IsNormalization(*backbone, "bn1.weight"));
  EXPECT_TRUE(IsNormalization(*backbone, "layer2.0.downsample.1.bias"));
  EXPECT_FALSE(IsNormalization(*backbone, "layer2.0.downsample.0.weight"));
  EXPECT_FALSE(IsNormalization(*backbone, "conv1.weight"));
  EXPECT_FALSE(IsNormalization(*backbone, "bn9.weight"));
  EXPECT_TRUE(IsNormalization(GroupedBatchNorm(4), "weight"));
}

TEST(ParameterGroupsTest, LayerGroupsFollowTheBackboneAndEndWithTheHead) {
  const Backbone backbone = Make("resnet18");
  const ClassificationHead head(512, 10);
  const std::vector<ParameterGroup> groups = LayerGroups(*backbone, head);
  ASSERT_EQ(groups.size(), 3);
  EXPECT_EQ(groups[0].name, "conv1-layer2");
  EXPECT_EQ(groups[1].name, "layer3-layer4");
  EXPECT_EQ(groups[2].name, "head");
  EXPECT_EQ(groups[0].parameters.front().first, "backbone.conv1.weight");
  EXPECT_EQ(groups[1].parameters.front().first, "backbone.layer3.0.conv1.weight");
  EXPECT_EQ(groups[2].parameters.back().first, "head.8.bias");
}

TEST(ParameterGroupsTest, LayerGroupsHoldEveryTrainedParameterOnce) {
  const Backbone backbone = Make("resnet50");
  const ClassificationHead head(2048, 10);
  std::set<const void*> seen;
  for (const ParameterGroup& group : LayerGroups(*backbone, head)) {
    for (const auto& [name, parameter] : group.parameters) {
      EXPECT_TRUE(seen.insert(parameter.unsafeGetTensorImpl()).second) << name;
    }
  }
  EXPECT_EQ(seen.size(), backbone->parameters().size() + head.parameters().size());
}

TEST(ParameterGroupsTest, FrozenParametersAreInNoGroup) {
  const Backbone backbone = Make("resnet10_narrow");
  backbone->named_parameters()["conv1.weight"].set_requires_grad(false);
  const std::vector<ParameterGroup> groups = LayerGroups(*backbone, LinearHead(128, 2));
  EXPECT_EQ(groups[0].parameters.front().first, "backbone.bn1.weight");
}

// A backbone with the groups that a test gives it.
class CutBackbone : public BackboneModule {
 public:
  explicit CutBackbone(std::vector<std::vector<std::string>> groups) : groups_(std::move(groups)) {
    register_parameter("conv1", at::zeros({2, 2}));
    register_parameter("layer1", at::zeros({2, 2}));
  }
  int feature_size() const override { return 2; }
  std::vector<int> map_channels() const override { return {2}; }
  std::vector<std::vector<std::string>> layer_groups() const override { return groups_; }
  const BackboneOptions& options() const override { return options_; }
  void SetBatchNormGroups(int groups) override {}

 protected:
  std::vector<at::Tensor> MapsOf(const at::Tensor& images) override { return {images}; }

 private:
  std::vector<std::vector<std::string>> groups_;
  BackboneOptions options_;
};

TEST(ParameterGroupsTest, AParameterInNoGroupOrInTwoIsAnError) {
  const LinearHead head(2, 2);
  EXPECT_EQ(LayerGroups(CutBackbone({{"conv1"}, {"layer1"}}), head).size(), 3);
  EXPECT_THROW(LayerGroups(CutBackbone({{"conv1"}}), head), c10::Error);
  EXPECT_THROW(LayerGroups(CutBackbone({{"conv1"}, {"conv1", "layer1"}}), head), c10::Error);
}

TEST(ParameterGroupsTest, TrainedParametersCarryThePrefix) {
  const NamedParameters parameters = TrainedParameters(LinearHead(3, 2), "moco.head.");
  std::vector<std::string> names;
  for (const auto& parameter : parameters) names.push_back(parameter.first);
  EXPECT_THAT(names, ElementsAre("moco.head.0.weight", "moco.head.0.bias"));
}

}  // namespace
}  // namespace pretext
