#include "worker/tasks/private_adam.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr double kBeta1 = 0.5, kBeta2 = 0.999, kEpsilon = 1e-8;

int64_t NumbersIn(const std::vector<at::Tensor>& tensors) {
  int64_t numbers = 0;
  for (const at::Tensor& tensor : tensors) numbers += tensor.numel();
  return numbers;
}

// The parts of `flat` that belong to each of `weights`, in their shapes.
std::vector<at::Tensor> PartsOf(const at::Tensor& flat, const std::vector<at::Tensor>& weights) {
  std::vector<at::Tensor> parts;
  int64_t begin = 0;
  for (const at::Tensor& weight : weights) {
    parts.push_back(flat.narrow(0, begin, weight.numel()).view(weight.sizes()));
    begin += weight.numel();
  }
  return parts;
}

}  // namespace

PrivateAdam::PrivateAdam(const torch::nn::Module& network) : weights_(network.parameters()) {
  for (const at::Tensor& weight : weights_) {
    TORCH_CHECK(weight.is_contiguous() && weight.scalar_type() == at::kFloat,
                "a network with an optimizer of its own has contiguous weights in fp32");
  }
  TakeGradients(false);
  const int64_t numbers = NumbersIn(weights_);
  first_moment_ = register_buffer("exp_avg", at::zeros({numbers}));
  second_moment_ = register_buffer("exp_avg_sq", at::zeros({numbers}));
  steps_ = register_buffer("step", at::zeros({}));
}

void PrivateAdam::TakeGradients(bool take) {
  for (at::Tensor& weight : weights_) weight.set_requires_grad(take);
}

std::vector<at::Tensor> PrivateAdam::Gradients(const std::vector<at::Tensor>& outputs,
                                               const std::vector<at::Tensor>& factors) const {
  return torch::autograd::grad(outputs, weights_, factors);
}

absl::Status PrivateAdam::Add(int32_t micro, const std::vector<at::Tensor>& gradients, ProcessGroup& group) {
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> means;
  for (const at::Tensor& gradient : gradients) means.push_back(gradient.contiguous());
  PRETEXT_RETURN_IF_ERROR(group.AllReduceMean(means));
  if (micro == 0) {
    sum_ = std::move(means);
    added_ = 1;
    return absl::OkStatus();
  }
  at::_foreach_add_(sum_, means);
  ++added_;
  return absl::OkStatus();
}

void PrivateAdam::Step(double rate) {
  if (added_ == 0) return;
  at::NoGradGuard no_grad;
  if (added_ > 1) at::_foreach_mul_(sum_, 1.0 / added_);
  steps_.add_(1);
  at::_fused_adamw_(weights_, sum_, PartsOf(first_moment_, weights_), PartsOf(second_moment_, weights_),
                    /*max_exp_avg_sqs=*/{}, std::vector<at::Tensor>(weights_.size(), steps_), rate, kBeta1,
                    kBeta2, /*weight_decay=*/0, kEpsilon, /*amsgrad=*/false, /*maximize=*/false);
  sum_.clear();
  added_ = 0;
}

std::vector<at::Tensor> GradientsIn(const at::Tensor& scalar, const std::vector<at::Tensor>& inputs) {
  return torch::autograd::grad({scalar}, inputs, /*grad_outputs=*/{}, /*retain_graph=*/true);
}

at::Tensor Detour(const at::Tensor& scalar, const at::Tensor& input, const at::Tensor& gradient) {
  return scalar.detach() + ((input - input.detach()) * gradient.detach()).sum();
}

}  // namespace pretext
