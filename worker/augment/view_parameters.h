#ifndef PRETEXT_WORKER_AUGMENT_VIEW_PARAMETERS_H_
#define PRETEXT_WORKER_AUGMENT_VIEW_PARAMETERS_H_

#include <array>

#include "pretext/v1/data.pb.h"
#include "worker/data/rng.h"

namespace pretext {

// A part of a picture, in pixels.
struct CropBox {
  int top = 0;
  int left = 0;
  int height = 0;
  int width = 0;
};

enum class ColorOperation { kBrightness, kContrast, kSaturation, kHue };

// Everything random about one view. Rendering draws nothing. Applied in this order: crop, jitter, gray, blur,
// solarize, flip (MoCo v2, Chen et al. 2020).
struct ViewParameters {
  CropBox crop;
  bool jitter = false;
  std::array<ColorOperation, 4> order = {ColorOperation::kBrightness, ColorOperation::kContrast,
                                         ColorOperation::kSaturation, ColorOperation::kHue};
  double brightness = 1.0;  // factors; 1: as it is
  double contrast = 1.0;
  double saturation = 1.0;
  double hue = 0.0;  // turns
  bool gray = false;
  double blur_sigma = 0.0;  // pixels of the view; 0: none
  bool solarize = false;
  bool flip = false;
};

// torchvision's RandomResizedCrop.get_params: area share from [scale_min, scale_max], aspect from
// [3/4, 4/3] evenly in its logarithm, ten tries, then the largest centre crop of an allowed aspect.
CropBox DrawCrop(int height, int width, double scale_min, double scale_max, Rng& rng);

// For a picture of height x width. Every value of `spec` must be set.
ViewParameters DrawViewParameters(const v1::AugmentSpec& spec, int height, int width, Rng& rng);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_VIEW_PARAMETERS_H_
