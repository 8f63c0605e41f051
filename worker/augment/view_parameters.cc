#include "worker/augment/view_parameters.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pretext {
namespace {

constexpr double kAspectMin = 3.0 / 4.0;
constexpr double kAspectMax = 4.0 / 3.0;
constexpr int kTries = 10;

// Python's round(): halves to even.
int RoundHalfEven(double value) { return static_cast<int>(std::nearbyint(value)); }

double DrawFactor(double strength, Rng& rng) {
  return rng.Uniform(std::max(0.0, 1.0 - strength), 1.0 + strength);
}

}  // namespace

CropBox DrawCrop(int height, int width, double scale_min, double scale_max, Rng& rng) {
  const double area = static_cast<double>(height) * width;
  for (int i = 0; i < kTries; ++i) {
    const double target = area * rng.Uniform(scale_min, scale_max);
    const double aspect = std::exp(rng.Uniform(std::log(kAspectMin), std::log(kAspectMax)));
    const int w = RoundHalfEven(std::sqrt(target * aspect));
    const int h = RoundHalfEven(std::sqrt(target / aspect));
    if (w < 1 || w > width || h < 1 || h > height) continue;
    const int top = static_cast<int>(rng.Below(height - h + 1));
    const int left = static_cast<int>(rng.Below(width - w + 1));
    return {top, left, h, w};
  }
  int w = width, h = height;
  if (static_cast<double>(width) / height < kAspectMin) {
    h = std::min(height, RoundHalfEven(width / kAspectMin));
  } else if (static_cast<double>(width) / height > kAspectMax) {
    w = std::min(width, RoundHalfEven(height * kAspectMax));
  }
  return {(height - h) / 2, (width - w) / 2, h, w};
}

ViewParameters DrawViewParameters(const v1::AugmentSpec& spec, int height, int width, Rng& rng) {
  ViewParameters view;
  view.crop = DrawCrop(height, width, spec.crop_scale_min(), spec.crop_scale_max(), rng);
  view.flip = rng.Chance(spec.flip_probability());
  view.jitter = rng.Chance(spec.jitter_probability());
  const std::vector<int64_t> order = rng.Permutation(4);
  for (int i = 0; i < 4; ++i) view.order[i] = static_cast<ColorOperation>(order[i]);
  view.brightness = DrawFactor(spec.brightness(), rng);
  view.contrast = DrawFactor(spec.contrast(), rng);
  view.saturation = DrawFactor(spec.saturation(), rng);
  view.hue = rng.Uniform(-spec.hue(), spec.hue());
  view.gray = rng.Chance(spec.gray_probability());
  const bool blur = rng.Chance(spec.blur_probability());
  const double sigma = rng.Uniform(spec.blur_sigma_min(), spec.blur_sigma_max());
  view.blur_sigma = blur ? sigma : 0.0;
  view.solarize = rng.Chance(spec.solarize_probability());
  return view;
}

}  // namespace pretext
