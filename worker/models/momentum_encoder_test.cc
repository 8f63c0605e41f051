#include "worker/models/momentum_encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <memory>
#include <vector>

#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

class MomentumEncoderTest : public ::testing::Test {
 protected:
  MomentumEncoderTest() {
    BackboneOptions options;
    options.name = "resnet10_narrow";
    options.small_stem = true;
    backbone_ = MakeBackbone(options).value();
    head_ = std::make_shared<MlpHead>(backbone_->feature_size(), 64, 16);
    encoder_ = MomentumEncoder::Create(*backbone_, *head_).value();
  }

  // Moves the originals away from the copies.
  void MoveOriginals() {
    at::NoGradGuard no_grad;
    for (at::Tensor& parameter : Originals()) parameter.add_(at::randn(parameter.sizes()));
  }

  std::vector<at::Tensor> Originals() const {
    std::vector<at::Tensor> all = backbone_->parameters();
    for (const at::Tensor& parameter : head_->parameters()) all.push_back(parameter);
    return all;
  }

  static std::vector<at::Tensor> Clone(const std::vector<at::Tensor>& tensors) {
    std::vector<at::Tensor> clones;
    for (const at::Tensor& tensor : tensors) clones.push_back(tensor.detach().clone());
    return clones;
  }

  Backbone backbone_;
  std::shared_ptr<ProjectionHead> head_;
  std::shared_ptr<MomentumEncoder> encoder_;
};

TEST_F(MomentumEncoderTest, StartsEqualToTheOriginal) {
  const at::Tensor images = at::randn({4, 3, 16, 16});
  EXPECT_TRUE(at::allclose(encoder_->Forward(images), head_->Forward(backbone_->Forward(images))));
}

TEST_F(MomentumEncoderTest, StaysBitwiseConstantAtMomentumOne) {
  const auto before = Clone(encoder_->parameters());
  MoveOriginals();
  encoder_->Update(1.0);
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(at::equal(encoder_->parameters()[i], before[i])) << i;
}

TEST_F(MomentumEncoderTest, BecomesTheOriginalAtMomentumZero) {
  MoveOriginals();
  encoder_->Update(0.0);
  for (size_t i = 0; i < Originals().size(); ++i) {
    EXPECT_TRUE(at::equal(encoder_->parameters()[i], Originals()[i])) << i;
  }
}

TEST_F(MomentumEncoderTest, DistanceToAFixedOriginalShrinksGeometrically) {
  MoveOriginals();
  const at::Tensor original = Originals()[0].detach();
  const at::Tensor distance = encoder_->parameters()[0].detach() - original;
  for (int i = 0; i < 10; ++i) encoder_->Update(0.9);
  EXPECT_TRUE(at::allclose(encoder_->parameters()[0] - original, distance * std::pow(0.9, 10), 1e-3, 1e-5));
}

TEST_F(MomentumEncoderTest, TakesNoGradient) {
  for (const at::Tensor& parameter : encoder_->parameters()) EXPECT_FALSE(parameter.requires_grad());
  EXPECT_FALSE(encoder_->Forward(at::randn({4, 3, 16, 16})).requires_grad());
}

TEST_F(MomentumEncoderTest, StatisticsComeFromItsOwnPasses) {
  backbone_->Forward(at::randn({4, 3, 16, 16}) * 5);
  encoder_->Update(0.0);
  EXPECT_TRUE(at::equal(encoder_->named_buffers()["backbone.bn1.running_mean"], at::zeros({16})));
  encoder_->Forward(at::randn({4, 3, 16, 16}));
  EXPECT_FALSE(at::equal(encoder_->named_buffers()["backbone.bn1.running_mean"], at::zeros({16})));
  EXPECT_EQ(encoder_->named_buffers()["backbone.bn1.num_batches_tracked"].item<int64_t>(), 1);
}

}  // namespace
}  // namespace pretext
