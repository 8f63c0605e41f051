#ifndef PRETEXT_WORKER_TRAIN_PARAMETER_GROUPS_H_
#define PRETEXT_WORKER_TRAIN_PARAMETER_GROUPS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <string>
#include <utility>
#include <vector>

#include "worker/models/backbone.h"

namespace pretext {

using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

// Parameters that share a rate.
struct ParameterGroup {
  std::string name;  // for people: "backbone", "layer1", "head"
  NamedParameters parameters;
};

// Parameters of `module` that take a gradient, named with `prefix`, in the module's order.
NamedParameters TrainedParameters(const torch::nn::Module& module, const std::string& prefix);

// Whether weight decay leaves a parameter alone: biases and everything of a normalisation (one dimension).
bool IsExemptFromDecay(const std::string& name, const at::Tensor& parameter);

// Whether it belongs to a batch normalisation of `module`.
bool IsNormalization(const torch::nn::Module& module, const std::string& name);

// The backbone cut as layer_groups() says, then the head: what fine-tuning gives different rates to, shallow
// first. Every trained parameter is in exactly one.
std::vector<ParameterGroup> LayerGroups(const BackboneModule& backbone, const torch::nn::Module& head);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_PARAMETER_GROUPS_H_
