#include "worker/eval/feature_extractor.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "worker/models/weights.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

Backbone Make() {
  BackboneOptions options;
  options.name = "resnet10_narrow";
  options.in_channels = 1;
  options.small_stem = true;
  return MakeBackbone(options).value();
}

at::Tensor RandomPictures(int64_t count) { return at::randint(256, {count, 28, 28, 1}, at::kByte); }

TEST(FeatureExtractorTest, FeaturesDoNotDependOnTheBatch) {
  const FeatureExtractor extractor(Make(), {0.5}, {0.25}, at::kCPU);
  const at::Tensor pictures = RandomPictures(6);
  const at::Tensor together = extractor.Extract(pictures);
  EXPECT_THAT(together.sizes(), ElementsAre(6, 128));
  EXPECT_FALSE(together.requires_grad());
  const at::Tensor apart =
      at::cat({extractor.Extract(pictures.slice(0, 0, 1)), extractor.Extract(pictures.slice(0, 1, 6))});
  EXPECT_TRUE(at::allclose(together, apart, 1e-4, 1e-5));
}

TEST(FeatureExtractorTest, LeavesTheBackboneAsItWas) {
  const Backbone backbone = Make();
  backbone->SetBatchNormGroups(4);
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, tensor] : MakeStateDict(*backbone)) before[name] = tensor.detach().clone();
  {
    const FeatureExtractor extractor(backbone, {0.5}, {0.25}, at::kCPU);
    EXPECT_FALSE(backbone->is_training());
    extractor.Extract(RandomPictures(5));
  }
  EXPECT_TRUE(backbone->is_training());
  for (const auto& [name, tensor] : MakeStateDict(*backbone))
    EXPECT_TRUE(at::equal(tensor, before[name])) << name;
}

TEST(FeatureExtractorTest, LayersAreTheAveragedMaps) {
  const FeatureExtractor extractor(Make(), {0.5}, {0.25}, at::kCPU);
  const at::Tensor pictures = RandomPictures(3);
  const std::vector<at::Tensor> layers = extractor.ExtractLayers(pictures);
  ASSERT_EQ(layers.size(), 4);
  EXPECT_THAT(layers[0].sizes(), ElementsAre(3, 16));
  EXPECT_TRUE(at::allclose(layers[3], extractor.Extract(pictures), 1e-5, 1e-6));
}

}  // namespace
}  // namespace pretext
