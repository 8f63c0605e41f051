#ifndef PRETEXT_WORKER_MODELS_NORMALIZE_H_
#define PRETEXT_WORKER_MODELS_NORMALIZE_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace pretext {

// uint8 pictures (N, H, W, C) -> float (N, C, H, W) in channels-last memory on the same device:
// (value / 255 - mean[c]) / std[c]. REQUIRES: mean and std have C numbers, std none that is zero.
at::Tensor NormalizeImages(const at::Tensor& images, const std::vector<double>& mean,
                           const std::vector<double>& std);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_NORMALIZE_H_
