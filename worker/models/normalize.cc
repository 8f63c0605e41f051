#include "worker/models/normalize.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>

namespace pretext {

// x / 255 / s - m / s as one multiplication and one addition a value.
at::Tensor NormalizeImages(const at::Tensor& images, const std::vector<double>& mean,
                           const std::vector<double>& std) {
  const int64_t channels = images.size(3);
  std::vector<float> scale(channels), shift(channels);
  for (int64_t c = 0; c < channels; ++c) {
    scale[c] = static_cast<float>(1 / (255 * std[c]));
    shift[c] = static_cast<float>(-mean[c] / std[c]);
  }
  const auto to_device = [&](std::vector<float>& values) {
    return at::from_blob(values.data(), {channels}, at::kFloat).clone().to(images.device());
  };
  const at::Tensor normalised = images.to(at::kFloat).mul_(to_device(scale)).add_(to_device(shift));
  return normalised.permute({0, 3, 1, 2});
}

}  // namespace pretext
