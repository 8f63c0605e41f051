#ifndef PRETEXT_WORKER_AUGMENT_PLANES_H_
#define PRETEXT_WORKER_AUGMENT_PLANES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pretext {

// Fixed-point pixels: 1/64 grey level, so that nothing is rounded to bytes between operations.
constexpr int kPixelOne = 64;
constexpr int kPixelWhite = 255 * kPixelOne;

// A view in the making, or a whole picture whose colours change: one plane a channel, rows padded to whole
// vectors. The padding is 0 after the resize and anything after later operations.
class Planes {
 public:
  static constexpr int kLanes = 16;

  // Keeps its memory when it need not grow; the values are whatever they were.
  void Reset(int height, int width, int channels) {
    height_ = height;
    width_ = width;
    channels_ = channels;
    stride_ = (width + kLanes - 1) / kLanes * kLanes;
    values_.resize(std::max(values_.size(), static_cast<size_t>(channels) * height * stride_));
  }
  // From three planes to the first alone.
  void DropColor() { channels_ = 1; }

  int height() const { return height_; }
  int width() const { return width_; }
  int channels() const { return channels_; }
  int stride() const { return stride_; }
  size_t plane_values() const { return static_cast<size_t>(height_) * stride_; }
  int16_t* plane(int channel) { return values_.data() + channel * plane_values(); }
  const int16_t* plane(int channel) const { return values_.data() + channel * plane_values(); }
  int16_t* row(int channel, int y) { return plane(channel) + static_cast<size_t>(y) * stride_; }
  const int16_t* row(int channel, int y) const { return plane(channel) + static_cast<size_t>(y) * stride_; }

 private:
  int height_ = 0;
  int width_ = 0;
  int channels_ = 0;
  int stride_ = 0;
  std::vector<int16_t> values_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_PLANES_H_
