#ifndef PRETEXT_WORKER_AUGMENT_COLOR_JITTER_H_
#define PRETEXT_WORKER_AUGMENT_COLOR_JITTER_H_

#include <vector>

#include "worker/augment/planes.h"
#include "worker/augment/simd.h"
#include "worker/augment/view_parameters.h"

namespace pretext {

// One colour operation and its factor (hue: turns).
struct ColorStep {
  ColorOperation operation;
  float amount;
};

// The steps of `view` that change anything, in their order. Empty without jitter; one channel has neither
// saturation nor hue.
std::vector<ColorStep> ColorSteps(const ViewParameters& view, int channels);

// torchvision's ColorJitter in floating point, clamped after every step and rounded at most twice:
//   brightness  f * x
//   contrast    f * x + (1 - f) * m, m the mean luma of the whole view as it is before this step
//   saturation  f * x + (1 - f) * luma of the pixel
//   hue         the exact shift in HSV, which keeps value and saturation
// At most one contrast step. Padding must be 0 on entry where there is a contrast step.
void ColorJitter(const std::vector<ColorStep>& steps, Planes* planes, Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_COLOR_JITTER_H_
