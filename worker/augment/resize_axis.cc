#include "worker/augment/resize_axis.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr int kOne = 1 << 15;

// Rounds to Q15 so that the sum is exactly one; the largest weight takes what rounding left over.
void Quantize(const std::vector<double>& exact, double sum, int taps, int16_t* weights) {
  int total = 0, largest = 0, largest_weight = 0;
  for (int t = 0; t < taps; ++t) {
    const int weight = static_cast<int>(exact[t] * (kOne / sum) + 0.5);
    total += weight;
    if (weight > largest_weight) {
      largest_weight = weight;
      largest = t;
    }
    weights[t] = static_cast<int16_t>(std::min(weight, kOne - 1));
  }
  weights[largest] = static_cast<int16_t>(std::min(largest_weight + kOne - total, kOne - 1));
}

}  // namespace

void ResizeAxis::Reset(int in_length, int out_length, int out_begin, int out_count) {
  const double scale = static_cast<double>(in_length) / out_length;
  const double support = std::max(scale, 1.0);
  const double inverse = 1.0 / support;
  // An interval of length 2 * support meets at most so many pixel centres.
  const int most = static_cast<int>(std::ceil(2.0 * support));
  max_taps_ = (most + kBlock - 1) / kBlock * kBlock;
  begin_.resize(out_count);
  taps_.resize(out_count);
  weights_.assign(static_cast<size_t>(out_count) * max_taps_, 0);
  std::vector<double> exact(max_taps_);
  for (int i = 0; i < out_count; ++i) {
    const double center = (out_begin + i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(center - support + 0.5));
    const int end = std::min(in_length, static_cast<int>(center + support + 0.5));
    const int taps = std::min(end - begin, most);
    double sum = 0.0;
    for (int t = 0; t < taps; ++t) {
      exact[t] = std::max(0.0, 1.0 - std::abs((begin + t - center + 0.5) * inverse));
      sum += exact[t];
    }
    Quantize(exact, sum, taps, &weights_[static_cast<size_t>(i) * max_taps_]);
    begin_[i] = begin;
    taps_[i] = taps;
  }
}

}  // namespace pretext
