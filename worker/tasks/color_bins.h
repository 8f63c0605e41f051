#ifndef PRETEXT_WORKER_TASKS_COLOR_BINS_H_
#define PRETEXT_WORKER_TASKS_COLOR_BINS_H_

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace pretext {

// The quantised colours of Zhang, Isola & Efros 2016 ("Colorful Image Colorization"): 313 centres on a grid
// of spacing 10 in the ab plane of CIE Lab, the published list (a slightly dilated sRGB gamut), a-major.
constexpr int kColorBins = 313;

struct ColorBin {
  float a = 0;
  float b = 0;
};
const std::array<ColorBin, kColorBins>& ColorBins();

// The bins as a (313, 2) float tensor.
at::Tensor ColorBinCenters();

// Turns a colour into a distribution over its nearest bins: weight exp(-distance^2 / (2 sigma^2)), summing to
// one. Immutable; Encode may be called concurrently.
class ColorEncoder {
 public:
  // `neighbours` in 1 .. 313 bins share a colour; sigma > 0 in units of ab.
  ColorEncoder(int neighbours, double sigma);

  // Writes neighbours() bins, nearest first (the smaller number first at equal distance), and their weights.
  // REQUIRES: both spans have neighbours() elements.
  void Encode(float a, float b, absl::Span<int64_t> bins, absl::Span<float> weights) const;

  // The nearest bin alone.
  int Nearest(float a, float b) const;

  int neighbours() const { return neighbours_; }

 private:
  // The bins that can be among the nearest of a colour in this grid square.
  const std::vector<int16_t>& Candidates(float a, float b) const;

  int neighbours_;
  float scale_;  // 1 / (2 sigma^2)
  std::vector<std::vector<int16_t>> candidates_;
};

// How often each bin occurs: `counts` (313) of nearest bins -> probabilities (313), smoothed by a Gaussian of
// 5 ab units. A count's mass is spread over existing bins only, so that they sum to one. REQUIRES: 313
// counts, not all zero.
std::vector<double> ColorPrior(absl::Span<const int64_t> counts);

// Weights that make rare colours matter: w_q = c / ((1 - uniform_share) prior_q + uniform_share / 313), with
// c such that sum_q prior_q w_q = 1. At uniform_share 1 all are 1. uniform_share in (0, 1].
std::vector<double> RebalancingWeights(absl::Span<const double> prior, double uniform_share);

// The annealed mean: logits (B, 313, H, W) -> ab (B, 2, H, W), the expectation of the centres under
// softmax(logits / temperature). 1 is the mean (greyish), towards 0 the mode (spotty); the paper's 0.38 lies
// between.
at::Tensor AnnealedMean(const at::Tensor& logits, double temperature = 0.38);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLOR_BINS_H_
