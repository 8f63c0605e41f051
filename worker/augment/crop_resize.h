#ifndef PRETEXT_WORKER_AUGMENT_CROP_RESIZE_H_
#define PRETEXT_WORKER_AUGMENT_CROP_RESIZE_H_

#include <cstdint>
#include <vector>

#include "worker/augment/planes.h"
#include "worker/augment/resize_axis.h"
#include "worker/augment/simd.h"
#include "worker/augment/view_parameters.h"
#include "worker/data/image.h"

namespace pretext {

// Resizes a part of a picture to a square of planes, rows first, touching only the pixels that count.
// Keeps its buffers from one picture to the next; one a thread.
class CropResizer {
 public:
  explicit CropResizer(Simd simd = BestSimd()) : simd_(simd) {}

  // `box` resized to size x size: torchvision's resized_crop with antialiasing, but for the rounding to bytes
  // between its two passes. REQUIRES: `box` lies in the image and is not empty.
  void Resize(const Image& image, const CropBox& box, int size, Planes* out);

  // The centre size x size of the whole picture resized so that its short side is `short_side`.
  // REQUIRES: short_side >= size.
  void ResizeCenter(const Image& image, int short_side, int size, Planes* out);

 private:
  void Run(const Image& image, const CropBox& box, Planes* out);
  void ArrangeColumnWeights(int stride);

  const Simd simd_;
  ResizeAxis rows_;
  ResizeAxis columns_;
  std::vector<int32_t> column_begin_;    // for each padded output
  int column_taps_ = 0;                  // 4, or a multiple of 8
  std::vector<int16_t> column_weights_;  // by 8 outputs, as the second pass loads them
  std::vector<int16_t> mixed_;           // one source row between the passes, interleaved
  std::vector<int16_t> split_;           // the same, channel after channel
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_CROP_RESIZE_H_
