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

// A square view in the making: one plane a channel, rows padded to whole vectors. The padding is 0 after the
// resize and anything after later operations.
class Planes {
 public:
  static constexpr int kLanes = 16;

  // Keeps its memory when it need not grow; the values are whatever they were.
  void Reset(int size, int channels) {
    size_ = size;
    channels_ = channels;
    stride_ = (size + kLanes - 1) / kLanes * kLanes;
    values_.resize(std::max(values_.size(), static_cast<size_t>(channels) * size * stride_));
  }
  // From three planes to the first alone.
  void DropColor() { channels_ = 1; }

  int size() const { return size_; }
  int channels() const { return channels_; }
  int stride() const { return stride_; }
  size_t plane_values() const { return static_cast<size_t>(size_) * stride_; }
  int16_t* plane(int channel) { return values_.data() + channel * plane_values(); }
  const int16_t* plane(int channel) const { return values_.data() + channel * plane_values(); }
  int16_t* row(int channel, int y) { return plane(channel) + static_cast<size_t>(y) * stride_; }
  const int16_t* row(int channel, int y) const { return plane(channel) + static_cast<size_t>(y) * stride_; }

 private:
  int size_ = 0;
  int channels_ = 0;
  int stride_ = 0;
  std::vector<int16_t> values_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_PLANES_H_
