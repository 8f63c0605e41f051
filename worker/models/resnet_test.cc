#include "worker/models/resnet.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>

#include <cmath>
#include <string>
#include <vector>

#include "proto/cpp/defaults.h"
#include "proto/cpp/status_matchers.h"
#include "proto/cpp/validate.h"
#include "worker/models/backbone.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Backbone Make(const std::string& name, bool small_stem = false, int in_channels = 3) {
  BackboneOptions options;
  options.name = name;
  options.small_stem = small_stem;
  options.in_channels = in_channels;
  return MakeBackbone(options).value();
}

int64_t CountParameters(const Backbone& backbone) {
  int64_t count = 0;
  for (const at::Tensor& parameter : backbone->parameters()) count += parameter.numel();
  return count;
}

// The list that jobs are checked against stands where no network is linked.
TEST(BackbonesTest, MayAllBeNamedInAJob) {
  for (const BackboneEntry& entry : Backbones()) {
    v1::JobSpec spec;
    spec.mutable_data()->set_images("/pictures");
    v1::PretrainStage* stage = spec.add_stages()->mutable_pretrain();
    stage->add_tasks()->mutable_rotation();
    stage->mutable_backbone()->set_name(std::string(entry.name));
    ApplyDefaults(&spec);
    EXPECT_THAT(ValidateJobSpec(spec), IsOk()) << entry.name;
  }
}

// torchvision's counts less `fc`: 11,689,512 - 513,000 and so on; 122 and 320 entries less two.
TEST(ResNetTest, HasTorchvisionsParameterCounts) {
  EXPECT_EQ(CountParameters(Make("resnet18")), 11176512);
  EXPECT_EQ(CountParameters(Make("resnet34")), 21284672);
  const Backbone resnet50 = Make("resnet50");
  EXPECT_EQ(CountParameters(resnet50), 23508032);
  EXPECT_EQ(resnet50->named_parameters().size() + resnet50->named_buffers().size(), 318);
}

TEST(ResNetTest, HasTorchvisionsNames) {
  const auto basic = Make("resnet18")->named_parameters();
  for (const char* name :
       {"conv1.weight", "bn1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer1.1.bn2.bias",
        "layer2.0.downsample.0.weight", "layer2.0.downsample.1.weight", "layer4.1.conv2.weight"}) {
    EXPECT_TRUE(basic.contains(name)) << name;
  }
  EXPECT_FALSE(basic.contains("layer1.0.downsample.0.weight"));
  const Backbone bottleneck = Make("resnet50");
  EXPECT_TRUE(bottleneck->named_parameters().contains("layer1.0.downsample.0.weight"));
  EXPECT_TRUE(bottleneck->named_parameters().contains("layer3.5.conv3.weight"));
  EXPECT_TRUE(bottleneck->named_buffers().contains("layer4.2.bn3.num_batches_tracked"));
}

TEST(ResNetTest, EveryBackboneGivesMapsAndFeaturesOfTheSizesItSays) {
  for (const BackboneEntry& entry : Backbones()) {
    const Backbone backbone = Make(std::string(entry.name));
    backbone->eval();
    at::NoGradGuard no_grad;
    const at::Tensor images = at::randn({2, 3, 64, 64}).contiguous(at::MemoryFormat::ChannelsLast);
    const std::vector<at::Tensor> maps = backbone->Maps(images);
    ASSERT_EQ(maps.size(), 4) << entry.name;
    for (int i = 0; i < 4; ++i) {
      EXPECT_THAT(maps[i].sizes(), ElementsAre(2, backbone->map_channels()[i], 16 >> i, 16 >> i))
          << entry.name;
      EXPECT_TRUE(maps[i].is_contiguous(at::MemoryFormat::ChannelsLast)) << entry.name;
    }
    const at::Tensor features = backbone->Forward(images);
    EXPECT_THAT(features.sizes(), ElementsAre(2, backbone->feature_size()));
    EXPECT_TRUE(at::allclose(features, maps[3].mean({2, 3}), 1e-4, 1e-5)) << entry.name;
  }
}

TEST(ResNetTest, SmallStemKeepsTheResolution) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true, /*in_channels=*/1);
  const std::vector<at::Tensor> maps = backbone->Maps(at::randn({2, 1, 28, 28}));
  EXPECT_THAT(maps[0].sizes(), ElementsAre(2, 16, 28, 28));
  EXPECT_THAT(maps[3].sizes(), ElementsAre(2, 128, 4, 4));
  EXPECT_EQ(backbone->feature_size(), 128);
}

TEST(BackboneTest, ShowsTheMapsOfTheFirstPassThatItIsWatchedIn) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true, /*in_channels=*/1);
  const at::Tensor images = at::randn({2, 1, 8, 8}), others = at::randn({3, 1, 8, 8});
  backbone->Forward(images);
  EXPECT_TRUE(backbone->TakeSeen().empty());
  backbone->Watch();
  EXPECT_TRUE(backbone->TakeSeen().empty());
  backbone->Watch();
  const std::vector<at::Tensor> maps = backbone->Maps(images);
  backbone->Forward(others);
  const std::vector<at::Tensor> seen = backbone->TakeSeen();
  ASSERT_EQ(seen.size(), 4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(at::equal(seen[i], maps[i]));
  EXPECT_TRUE(seen[3].requires_grad());
  backbone->Forward(images);
  EXPECT_TRUE(backbone->TakeSeen().empty());
}

TEST(BackboneTest, TurnsWhatEntersAndTurnsBackWhatItShows) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true, /*in_channels=*/1);
  backbone->eval();
  at::NoGradGuard no_grad;
  const at::Tensor images = at::randn({2, 1, 8, 8});
  for (const Turn turn : {Turn::kFlip, Turn::kQuarter, Turn::kHalf, Turn::kThreeQuarters}) {
    EXPECT_TRUE(at::equal(TurnedBack(Turned(images, turn), turn), images));
    EXPECT_FALSE(at::equal(Turned(images, turn), images));
    backbone->Watch(turn);
    const at::Tensor features = backbone->Forward(images);
    const std::vector<at::Tensor> seen = backbone->TakeSeen();
    const std::vector<at::Tensor> of_turned = backbone->Maps(Turned(images, turn));
    EXPECT_TRUE(at::equal(Turned(seen[1], turn), of_turned[1]));
    EXPECT_TRUE(at::allclose(features, of_turned[3].mean({2, 3}), 1e-4, 1e-5));
    EXPECT_FALSE(at::equal(backbone->Maps(images)[1], of_turned[1]));
  }
}

TEST(ResNetTest, WeightsStartKaimingNormalWithFanOut) {
  const Backbone backbone = Make("resnet18");
  const at::Tensor weight = backbone->named_parameters()["layer4.1.conv2.weight"];
  EXPECT_NEAR(weight.std().item<float>(), std::sqrt(2.0 / (512 * 9)), 2e-4);
  EXPECT_NEAR(weight.mean().item<float>(), 0, 2e-4);
  EXPECT_TRUE(weight.is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST(ResNetTest, BottleneckStridesOnTheSecondConvolution) {
  const auto parameters = Make("resnet50")->named_parameters();
  EXPECT_THAT(parameters["layer2.0.conv1.weight"].sizes(), ElementsAre(128, 256, 1, 1));
  EXPECT_THAT(parameters["layer2.0.conv2.weight"].sizes(), ElementsAre(128, 128, 3, 3));
  EXPECT_THAT(parameters["layer2.0.conv3.weight"].sizes(), ElementsAre(512, 128, 1, 1));
}

TEST(ResNetTest, LayerGroupsCoverEveryParameterOnce) {
  for (const BackboneEntry& entry : Backbones()) {
    const Backbone backbone = Make(std::string(entry.name));
    for (const std::string& name : backbone->named_parameters().keys()) {
      int groups = 0;
      for (const auto& prefixes : backbone->layer_groups()) {
        for (const std::string& prefix : prefixes) groups += name.rfind(prefix, 0) == 0;
      }
      EXPECT_EQ(groups, 1) << entry.name << " " << name;
    }
  }
}

TEST(ResNetTest, GroupsOfTheBatchDoNotSeeEachOther) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true);
  backbone->SetBatchNormGroups(2);
  EXPECT_EQ(backbone->options().bn_groups, 2);
  const at::Tensor images = at::randn({8, 3, 16, 16});
  const at::Tensor before = backbone->Forward(images);
  at::Tensor changed = images.clone();
  changed.slice(0, 4, 8).mul_(3).add_(1);
  const at::Tensor after = backbone->Forward(changed);
  EXPECT_TRUE(at::allclose(before.slice(0, 0, 4), after.slice(0, 0, 4), 1e-5, 1e-6));
  EXPECT_FALSE(at::allclose(before.slice(0, 4, 8), after.slice(0, 4, 8), 1e-5, 1e-6));
}

// Under autocast convolutions compute in bf16; weights, statistics and gradients stay in single precision.
TEST(ResNetTest, TrainsUnderAutocast) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true);
  backbone->SetBatchNormGroups(2);
  const at::Tensor images = at::randn({8, 3, 32, 32}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor exact = backbone->Forward(images).detach();
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const at::Tensor features = backbone->Forward(images);
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(features.scalar_type(), at::kBFloat16);
  EXPECT_LT((features.to(at::kFloat) - exact).norm().item<float>(), 0.05 * exact.norm().item<float>());
  features.square().sum().backward();
  for (const auto& item : backbone->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_EQ(item.value().grad().scalar_type(), at::kFloat) << item.key();
    EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
  }
  for (const auto& item : backbone->named_buffers()) {
    if (item.value().is_floating_point()) EXPECT_EQ(item.value().scalar_type(), at::kFloat) << item.key();
  }
}

TEST(ResNetTest, EveryParameterReceivesAGradient) {
  const Backbone backbone = Make("resnet10_narrow", /*small_stem=*/true);
  backbone->Forward(at::randn({4, 3, 16, 16})).square().sum().backward();
  for (const auto& item : backbone->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().max().item<float>(), 0) << item.key();
  }
}

TEST(BackboneTest, CopyHasTheSameStateInItsOwnMemory) {
  const Backbone source = Make("resnet10_narrow", /*small_stem=*/true);
  source->Forward(at::randn({4, 3, 16, 16}));  // moves the running statistics
  ASSERT_OK_AND_ASSIGN(const Backbone copy, CopyBackbone(*source));
  const at::Tensor images = at::randn({2, 3, 16, 16});
  source->eval();
  copy->eval();
  EXPECT_TRUE(at::equal(source->Forward(images), copy->Forward(images)));
  at::NoGradGuard no_grad;
  source->parameters()[0].zero_();
  EXPECT_GT(copy->parameters()[0].abs().max().item<float>(), 0);
}

TEST(BackboneTest, NamesTheKnownNetworksWhenOneIsUnknown) {
  BackboneOptions options;
  options.name = "resnet19";
  EXPECT_THAT(MakeBackbone(options), StatusIs(absl::StatusCode::kInvalidArgument,
                                              AllOf(HasSubstr("resnet19"), HasSubstr("resnet18, resnet34"))));
}

TEST(BackboneTest, RefusesImpossibleOptions) {
  BackboneOptions options;
  options.in_channels = 0;
  EXPECT_THAT(MakeBackbone(options), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("in_channels")));
  options.in_channels = 3;
  options.bn_groups = 0;
  EXPECT_THAT(MakeBackbone(options), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bn_groups")));
}

}  // namespace
}  // namespace pretext
