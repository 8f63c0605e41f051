#include "worker/augment/change_colors.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "worker/augment/color_jitter.h"
#include "worker/augment/gaussian_blur.h"
#include "worker/augment/gray.h"
#include "worker/augment/planes.h"
#include "worker/augment/store_view.h"

namespace pretext {
namespace {

// Buffers that a thread uses again for each picture.
struct Workspace {
  Planes planes;
  std::vector<int16_t> blur_scratch;
};

void Load(const Image& image, Planes* planes) {
  planes->Reset(image.height, image.width, image.channels);
  for (int y = 0; y < image.height; ++y) {
    const uint8_t* from = image.row(y);
    for (int c = 0; c < image.channels; ++c) {
      int16_t* row = planes->row(c, y);
      for (int x = 0; x < image.width; ++x) {
        row[x] = static_cast<int16_t>(kPixelOne * from[x * image.channels + c]);
      }
      std::fill(row + image.width, row + planes->stride(), int16_t{0});
    }
  }
}

}  // namespace

ViewParameters DrawColorChange(const v1::AugmentSpec& spec, const Image& image, int view_side, Rng& rng) {
  ViewParameters change = DrawViewParameters(spec, image.height, image.width, rng);
  change.blur_sigma *= std::max(1.0, static_cast<double>(std::min(image.height, image.width)) / view_side);
  return change;
}

Image ChangeColors(const Image& image, const ViewParameters& change, Simd simd) {
  const std::vector<ColorStep> steps = ColorSteps(change, image.channels);
  if (steps.empty() && !change.gray && change.blur_sigma == 0 && !change.solarize) return image;
  thread_local Workspace workspace;
  Planes& planes = workspace.planes;
  Load(image, &planes);
  ColorJitter(steps, &planes, simd);
  if (change.gray) ToGray(&planes, simd);
  if (change.blur_sigma > 0) GaussianBlur(change.blur_sigma, &planes, &workspace.blur_scratch, simd);
  Image changed{image.height, image.width, image.channels, {}};
  changed.pixels.resize(image.pixels.size());
  StoreView(planes, image.channels, /*flip=*/false, change.solarize, absl::MakeSpan(changed.pixels), simd);
  return changed;
}

}  // namespace pretext
