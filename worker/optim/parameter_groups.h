#ifndef PRETEXT_WORKER_OPTIM_PARAMETER_GROUPS_H_
#define PRETEXT_WORKER_OPTIM_PARAMETER_GROUPS_H_

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
  std::string name;  // for people: "conv1-layer2", "head"
  NamedParameters parameters;
};

// Parameters of `module` that take a gradient, named with `prefix`, in the module's order.
NamedParameters TrainedParameters(const torch::nn::Module& module, const std::string& prefix);

// Whether weight decay leaves a parameter alone: biases and everything of a normalisation, which are just
// those of at most one dimension, and whatever is called "bias".
bool IsExemptFromDecay(const std::string& name, const at::Tensor& parameter);

// Whether `name`, a parameter's name inside `module`, belongs to one of its batch normalisations.
bool IsNormalization(const torch::nn::Module& module, const std::string& name);

// The backbone cut as layer_groups() says, then the head: what fine-tuning gives different rates to, shallow
// first. Names begin with "backbone." and "head.". Every trained parameter is in exactly one; c10::Error when
// the backbone's prefixes leave one out or take one twice.
std::vector<ParameterGroup> LayerGroups(const BackboneModule& backbone, const torch::nn::Module& head);

}  // namespace pretext

#endif  // PRETEXT_WORKER_OPTIM_PARAMETER_GROUPS_H_
