#include "worker/tasks/color_bins.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace pretext {
namespace {

constexpr int kSpacing = 10;
constexpr double kPriorSigma = 5;

// The bins of one a: b from first to last by tens.
struct BinRow {
  int a, first_b, last_b;
};
constexpr BinRow kRows[] = {
    {-90, 50, 90},   {-80, 20, 90},   {-70, 0, 90},    {-60, -20, 90},  {-50, -30, 100},
    {-40, -40, 100}, {-30, -50, 100}, {-20, -50, 100}, {-10, -60, 100}, {0, -70, 100},
    {10, -80, 90},   {20, -80, 90},   {30, -90, 90},   {40, -100, 90},  {50, -100, 80},
    {60, -110, 80},  {70, -110, 80},  {80, -110, 70},  {90, -110, 70},  {100, -90, 0},
};

// The grid squares that colours fall into: beyond the extent of sRGB by one square a side.
constexpr int kFirst = -120, kSide = 25;

int Square(float value) {
  const int index = static_cast<int>(std::lround((value - kFirst) / kSpacing));
  return std::clamp(index, 0, kSide - 1);
}

float SquaredDistance(const ColorBin& bin, float a, float b) {
  return (bin.a - a) * (bin.a - a) + (bin.b - b) * (bin.b - b);
}

// All bins no farther from the square's centre than its `neighbours`-th nearest is, plus the square's
// diameter: a colour of the square has its nearest bins among them.
std::vector<int16_t> CandidatesOf(float a, float b, int neighbours) {
  std::vector<float> distances;
  for (const ColorBin& bin : ColorBins()) distances.push_back(std::sqrt(SquaredDistance(bin, a, b)));
  std::vector<float> sorted = distances;
  std::nth_element(sorted.begin(), sorted.begin() + neighbours - 1, sorted.end());
  const float reach = sorted[neighbours - 1] + kSpacing * std::sqrt(2.0f) + 1e-3f;
  std::vector<int16_t> candidates;
  for (int q = 0; q < kColorBins; ++q) {
    if (distances[q] <= reach) candidates.push_back(static_cast<int16_t>(q));
  }
  return candidates;
}

}  // namespace

const std::array<ColorBin, kColorBins>& ColorBins() {
  static const auto& bins = *new std::array<ColorBin, kColorBins>([] {
    std::array<ColorBin, kColorBins> table;
    int q = 0;
    for (const BinRow& row : kRows) {
      for (int b = row.first_b; b <= row.last_b; b += kSpacing) {
        table[q++] = {static_cast<float>(row.a), static_cast<float>(b)};
      }
    }
    return table;
  }());
  return bins;
}

at::Tensor ColorBinCenters() {
  at::Tensor centers = at::empty({kColorBins, 2}, at::kFloat);
  float* value = centers.mutable_data_ptr<float>();
  for (const ColorBin& bin : ColorBins()) {
    *value++ = bin.a;
    *value++ = bin.b;
  }
  return centers;
}

ColorEncoder::ColorEncoder(int neighbours, double sigma)
    : neighbours_(neighbours), scale_(static_cast<float>(1 / (2 * sigma * sigma))) {
  for (int i = 0; i < kSide * kSide; ++i) {
    candidates_.push_back(CandidatesOf(static_cast<float>(kFirst + kSpacing * (i / kSide)),
                                       static_cast<float>(kFirst + kSpacing * (i % kSide)), neighbours));
  }
}

const std::vector<int16_t>& ColorEncoder::Candidates(float a, float b) const {
  return candidates_[Square(a) * kSide + Square(b)];
}

void ColorEncoder::Encode(float a, float b, absl::Span<int64_t> bins, absl::Span<float> weights) const {
  // The nearest so far in order, by insertion: few are kept of few. Candidates come in order of their
  // numbers, so that at equal distance the smaller number stays first.
  float distances[kColorBins];
  int kept = 0;
  for (const int16_t q : Candidates(a, b)) {
    const float distance = SquaredDistance(ColorBins()[q], a, b);
    if (kept == neighbours_ && distance >= distances[kept - 1]) continue;
    if (kept < neighbours_) ++kept;
    int place = kept - 1;
    for (; place > 0 && distances[place - 1] > distance; --place) {
      distances[place] = distances[place - 1];
      bins[place] = bins[place - 1];
    }
    distances[place] = distance;
    bins[place] = q;
  }
  // Distances from the nearest on, so that no sigma makes all weights vanish.
  float sum = 0;
  for (int i = 0; i < neighbours_; ++i) {
    weights[i] = std::exp((distances[0] - distances[i]) * scale_);
    sum += weights[i];
  }
  for (float& weight : weights) weight /= sum;
}

int ColorEncoder::Nearest(float a, float b) const {
  std::pair<float, int16_t> nearest = {INFINITY, -1};
  for (const int16_t q : Candidates(a, b)) {
    nearest = std::min(nearest, {SquaredDistance(ColorBins()[q], a, b), q});
  }
  return nearest.second;
}

std::vector<double> ColorPrior(absl::Span<const int64_t> counts) {
  std::vector<double> prior(kColorBins, 0.0);
  double total = 0;
  for (int j = 0; j < kColorBins; ++j) {
    if (counts[j] == 0) continue;
    total += counts[j];
    std::vector<double> kernel(kColorBins);
    double sum = 0;
    for (int q = 0; q < kColorBins; ++q) {
      const double square = SquaredDistance(ColorBins()[q], ColorBins()[j].a, ColorBins()[j].b);
      sum += kernel[q] = std::exp(-square / (2 * kPriorSigma * kPriorSigma));
    }
    for (int q = 0; q < kColorBins; ++q) prior[q] += counts[j] * kernel[q] / sum;
  }
  for (double& probability : prior) probability /= total;
  return prior;
}

std::vector<double> RebalancingWeights(absl::Span<const double> prior, double uniform_share) {
  std::vector<double> weights;
  double mean = 0;
  for (const double probability : prior) {
    weights.push_back(1 / ((1 - uniform_share) * probability + uniform_share / kColorBins));
    mean += probability * weights.back();
  }
  for (double& weight : weights) weight /= mean;
  return weights;
}

at::Tensor AnnealedMean(const at::Tensor& logits, double temperature) {
  const at::Tensor shares = at::softmax(logits.to(at::kFloat) / temperature, 1);  // (B, 313, H, W)
  return at::matmul(shares.permute({0, 2, 3, 1}), ColorBinCenters().to(logits.device()))
      .permute({0, 3, 1, 2});
}

}  // namespace pretext
