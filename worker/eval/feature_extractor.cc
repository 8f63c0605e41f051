#include "worker/eval/feature_extractor.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "worker/models/normalize.h"

namespace pretext {

FeatureExtractor::FeatureExtractor(Backbone backbone, std::vector<double> mean, std::vector<double> std,
                                   c10::Device device)
    : backbone_(std::move(backbone)),
      mean_(std::move(mean)),
      std_(std::move(std)),
      device_(device),
      was_training_(backbone_->is_training()) {
  backbone_->eval();
}

FeatureExtractor::~FeatureExtractor() { backbone_->train(was_training_); }

at::Tensor FeatureExtractor::Extract(const at::Tensor& images) const {
  at::NoGradGuard no_grad;
  return backbone_->Forward(NormalizeImages(images.to(device_), mean_, std_)).to(at::kCPU, at::kFloat);
}

std::vector<at::Tensor> FeatureExtractor::ExtractLayers(const at::Tensor& images) const {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> layers;
  for (const at::Tensor& map : backbone_->Maps(NormalizeImages(images.to(device_), mean_, std_))) {
    layers.push_back(AveragePool(map).to(at::kCPU, at::kFloat));
  }
  return layers;
}

}  // namespace pretext
