#include "worker/stages/classifier.h"

#include "worker/models/backbone.h"

namespace pretext {

Classifier::Classifier(Kind kind, int map_channels, int classes) {
  if (kind == Kind::kLinear) {
    linear_ = std::make_shared<LinearHead>(map_channels, classes);
  } else {
    fastai_ = std::make_shared<ClassificationHead>(map_channels, classes);
  }
}

at::Tensor Classifier::Logits(const at::Tensor& map, uint64_t seed, int64_t step, int64_t first_row) {
  if (linear_ != nullptr) return linear_->Forward(AveragePool(map));
  fastai_->SetStep(seed, step, first_row);
  return fastai_->Forward(map);
}

torch::nn::Module& Classifier::module() {
  if (linear_ != nullptr) return *linear_;
  return *fastai_;
}

StateDict Classifier::ExportedTensors() {
  StateDict exported;
  for (const auto& [name, tensor] : MakeStateDict(module())) {
    // The linear layer is called "0" inside its head.
    exported[linear_ != nullptr ? "fc" + name.substr(1) : "head." + name] = tensor;
  }
  return exported;
}

}  // namespace pretext
