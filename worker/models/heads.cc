#include "worker/models/heads.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <torch/nn/init.h>

#include "worker/data/rng.h"
#include "worker/models/backbone.h"

namespace pretext {
namespace {

constexpr int kHidden = 512;

// Kaiming normal as fastai's apply_init: fan in, bias zero.
torch::nn::Linear MakeLinear(int in, int out, bool bias) {
  torch::nn::Linear linear(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::init::kaiming_normal_(linear->weight);
  if (bias) torch::nn::init::zeros_(linear->bias);
  return linear;
}

}  // namespace

LinearHead::LinearHead(int in, int out) : linear_(register_module("0", torch::nn::Linear(in, out))) {}

at::Tensor LinearHead::Forward(const at::Tensor& features) { return linear_->forward(features); }

std::shared_ptr<ProjectionHead> LinearHead::Copy() const {
  const auto& options = linear_->options;
  auto copy = std::make_shared<LinearHead>(options.in_features(), options.out_features());
  CopyState(*this, *copy);
  return copy;
}

MlpHead::MlpHead(int in, int hidden, int out)
    : first_(register_module("0", torch::nn::Linear(in, hidden))),
      second_(register_module("2", torch::nn::Linear(hidden, out))) {}

at::Tensor MlpHead::Forward(const at::Tensor& features) {
  return second_->forward(first_->forward(features).relu_());
}

std::shared_ptr<ProjectionHead> MlpHead::Copy() const {
  auto copy = std::make_shared<MlpHead>(first_->options.in_features(), first_->options.out_features(),
                                        second_->options.out_features());
  CopyState(*this, *copy);
  return copy;
}

at::Tensor ConcatPool(const at::Tensor& map) { return at::cat({map.amax({2, 3}), AveragePool(map)}, 1); }

ClassificationHead::ClassificationHead(int map_channels, int classes)
    : first_norm_(register_module("2", std::make_shared<GroupedBatchNorm>(2 * map_channels))),
      second_norm_(std::make_shared<GroupedBatchNorm>(kHidden)),
      first_(register_module("4", MakeLinear(2 * map_channels, kHidden, /*bias=*/false))),
      second_(MakeLinear(kHidden, classes, /*bias=*/true)) {
  register_module("6", second_norm_);
  register_module("8", second_);
}

at::Tensor ClassificationHead::Forward(const at::Tensor& map) {
  at::Tensor hidden = Dropout(first_norm_->Forward(ConcatPool(map)), 0.25, /*layer=*/0);
  hidden = first_->forward(hidden).relu_();
  return second_->forward(Dropout(second_norm_->Forward(hidden), 0.5, /*layer=*/1));
}

void ClassificationHead::SetStep(uint64_t seed, int64_t step, int64_t first_row) {
  seed_ = seed;
  step_ = step;
  first_row_ = first_row;
}

at::Tensor ClassificationHead::Dropout(const at::Tensor& input, double probability, uint32_t layer) const {
  if (!is_training()) return input;
  at::Tensor mask = at::empty(input.sizes(), at::kFloat);
  const int64_t features = input.size(1);
  float* values = mask.mutable_data_ptr<float>();
  const float kept = static_cast<float>(1 / (1 - probability));
  for (int64_t row = 0; row < input.size(0); ++row) {
    RngKey key;
    key.seed = seed_;
    key.epoch = layer;
    key.sample = step_;
    key.view = static_cast<uint32_t>(first_row_ + row);
    Rng rng(key);
    for (int64_t i = 0; i < features; ++i)
      values[row * features + i] = rng.Uniform() < probability ? 0 : kept;
  }
  return input * mask.to(input.device(), input.scalar_type());
}

}  // namespace pretext
