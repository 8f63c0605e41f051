#include "worker/tasks/lightness_input.h"

#include <ATen/TensorOperators.h>

namespace pretext {
namespace {

constexpr double kMiddleLightness = 50;
constexpr double kLightnessScale = 25;

}  // namespace

at::Tensor LightnessInput(const at::Tensor& lightness, int64_t channels) {
  const at::Tensor scaled = (lightness - kMiddleLightness) / kLightnessScale;
  return scaled.expand({-1, -1, -1, channels}).contiguous().permute({0, 3, 1, 2});
}

}  // namespace pretext
