#include "worker/models/batch_norm.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <vector>

namespace pretext {
namespace {

constexpr double kMomentum = 0.1;
constexpr double kEpsilon = 1e-5;
constexpr bool kUseCudnn = true;

}  // namespace

GroupedBatchNorm::GroupedBatchNorm(int64_t channels, int groups) : groups_(groups) {
  weight = register_parameter("weight", at::ones({channels}));
  bias = register_parameter("bias", at::zeros({channels}));
  running_mean = register_buffer("running_mean", at::zeros({channels}));
  running_var = register_buffer("running_var", at::ones({channels}));
  num_batches_tracked = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor GroupedBatchNorm::Forward(const at::Tensor& input) {
  if (!is_training()) {
    return at::batch_norm(input, weight, bias, running_mean, running_var, /*training=*/false, kMomentum,
                          kEpsilon, kUseCudnn);
  }
  const int64_t batch = input.size(0);
  TORCH_CHECK(batch % groups_ == 0, "batch normalisation: a batch of ", batch, " does not divide into ",
              groups_, " groups; choose bn_groups so that each rank's batch does");
  TORCH_CHECK(input.numel() / input.size(1) > groups_, "batch normalisation: each of ", groups_,
              " groups has a single value a channel (input ", input.sizes(),
              "); use larger batches, fewer bn_groups or larger pictures");
  num_batches_tracked.add_(1);
  if (groups_ > 1) return ForwardGroups(input);
  return at::batch_norm(input, weight, bias, running_mean, running_var, /*training=*/true, kMomentum,
                        kEpsilon, kUseCudnn);
}

// Each group is normalised by LibTorch's own kernel. With momentum 1 that kernel leaves a group's mean and
// unbiased variance in the row it is given.
at::Tensor GroupedBatchNorm::ForwardGroups(const at::Tensor& input) {
  const at::Tensor means = at::zeros({groups_, weight.size(0)}, running_mean.options());
  const at::Tensor variances = at::zeros({groups_, weight.size(0)}, running_var.options());
  const std::vector<at::Tensor> slices = input.split(input.size(0) / groups_);
  std::vector<at::Tensor> outputs;
  outputs.reserve(slices.size());
  for (int group = 0; group < groups_; ++group) {
    outputs.push_back(at::batch_norm(slices[group], weight, bias, means[group], variances[group],
                                     /*training=*/true, /*momentum=*/1.0, kEpsilon, kUseCudnn));
  }
  {
    at::NoGradGuard no_grad;
    running_mean.lerp_(means.mean(0), kMomentum);
    running_var.lerp_(variances.mean(0), kMomentum);
  }
  return at::cat(outputs);
}

void SetBatchNormGroups(torch::nn::Module& module, int groups) {
  module.apply([groups](torch::nn::Module& part) {
    if (auto* norm = part.as<GroupedBatchNorm>()) norm->set_groups(groups);
  });
}

}  // namespace pretext
