#include "worker/augment/render_view.h"

#include <vector>

#include "worker/augment/color_jitter.h"
#include "worker/augment/crop_resize.h"
#include "worker/augment/gaussian_blur.h"
#include "worker/augment/gray.h"
#include "worker/augment/planes.h"
#include "worker/augment/store_view.h"

namespace pretext {
namespace {

// Buffers that a thread uses again for each view.
struct Workspace {
  explicit Workspace(Simd simd) : resizer(simd) {}
  CropResizer resizer;
  Planes planes;
  std::vector<int16_t> blur_scratch;
};

Workspace& ThreadWorkspace(Simd simd) {
  if (simd == Simd::kScalar) {
    thread_local Workspace scalar(Simd::kScalar);
    return scalar;
  }
  thread_local Workspace avx2(Simd::kAvx2);
  return avx2;
}

}  // namespace

void RenderView(const Image& image, const ViewParameters& view, int size, absl::Span<uint8_t> out,
                Simd simd) {
  Workspace& workspace = ThreadWorkspace(simd);
  Planes& planes = workspace.planes;
  workspace.resizer.Resize(image, view.crop, size, &planes);
  ColorJitter(ColorSteps(view, image.channels), &planes, simd);
  if (view.gray) ToGray(&planes, simd);
  if (view.blur_sigma > 0.0) GaussianBlur(view.blur_sigma, &planes, &workspace.blur_scratch, simd);
  StoreView(planes, image.channels, view.flip, view.solarize, out, simd);
}

int CenterShortSide(int size) { return size <= 96 ? size : size * 256 / 224; }

void RenderCenterView(const Image& image, int size, absl::Span<uint8_t> out, Simd simd) {
  Workspace& workspace = ThreadWorkspace(simd);
  workspace.resizer.ResizeCenter(image, CenterShortSide(size), size, &workspace.planes);
  StoreView(workspace.planes, image.channels, /*flip=*/false, /*solarize=*/false, out, simd);
}

}  // namespace pretext
