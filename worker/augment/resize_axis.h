#ifndef PRETEXT_WORKER_AUGMENT_RESIZE_AXIS_H_
#define PRETEXT_WORKER_AUGMENT_RESIZE_AXIS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pretext {

// How the pixels along one axis of a resized picture are made from those of the source: antialiased bilinear
// as PIL and torchvision define it, a triangle as wide as the scale (never narrower than two pixels).
//
// Output i is the sum over t < taps(i) of weights(i)[t] * source[begin(i) + t]; weights are Q15 and add up
// to 32768 (32767 for a single tap), and are 0 from taps(i) to max_taps().
class ResizeAxis {
 public:
  static constexpr int kBlock = 4;  // max_taps() is a multiple of it

  // For the outputs [out_begin, out_begin + out_count) of an axis resized from in_length to out_length.
  // Uses memory of an earlier call again.
  void Reset(int in_length, int out_length, int out_begin, int out_count);

  int count() const { return static_cast<int>(begin_.size()); }
  int max_taps() const { return max_taps_; }
  int begin(int i) const { return begin_[i]; }
  int taps(int i) const { return taps_[i]; }
  const int16_t* weights(int i) const { return weights_.data() + static_cast<size_t>(i) * max_taps_; }

 private:
  int max_taps_ = 0;
  std::vector<int32_t> begin_;
  std::vector<int32_t> taps_;
  std::vector<int16_t> weights_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_RESIZE_AXIS_H_
