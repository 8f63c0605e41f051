#include "worker/tasks/holes.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pretext {
namespace {

constexpr int kBlockTries = 10;
constexpr double kNoiseValues = 14;   // along a picture's side
constexpr double kFewestPixels = 4;   // from one value to the next
constexpr double kCubicSlope = -0.5;  // Keys 1981
constexpr int kTaps = 4;

void FillSquare(int begin, int end, int side, uint8_t pixel, absl::Span<uint8_t> hole) {
  for (int y = begin; y < end; ++y) std::fill(&hole[y * side + begin], &hole[y * side + end], pixel);
}

void DrawCenter(int rim, int side, absl::Span<uint8_t> hole) {
  const int begin = side / 4, end = begin + side / 2;
  FillSquare(begin, end, side, kRim, hole);
  FillSquare(begin + rim, end - rim, side, kMissing, hole);
}

void DrawBlocks(int side, Rng& rng, absl::Span<uint8_t> hole) {
  const int64_t most = int64_t{side} * side / 4;
  const int shortest = std::max(1, side / 8), longest = std::max(shortest, side / 3);
  const auto draw_length = [&] { return shortest + static_cast<int>(rng.Below(longest - shortest + 1)); };
  std::vector<uint8_t> tried;
  for (int i = 0; i < kBlockTries; ++i) {
    const int height = draw_length(), width = draw_length();
    const int top = static_cast<int>(rng.Below(side - height + 1));
    const int left = static_cast<int>(rng.Below(side - width + 1));
    tried.assign(hole.begin(), hole.end());
    for (int y = top; y < top + height; ++y) std::fill_n(&tried[y * side + left], width, kMissing);
    if (std::count(tried.begin(), tried.end(), kMissing) > most) return;
    std::copy(tried.begin(), tried.end(), hole.begin());
  }
}

// The four values around each place and their weights (Keys 1981, "Cubic Convolution Interpolation").
struct CubicAxis {
  std::vector<int> begin;       // of each place's taps
  std::vector<double> weights;  // kTaps a place
  int length = 0;               // of the noise that is needed
  CubicAxis(int side, double spacing, double offset) {
    const double a = kCubicSlope;
    for (int i = 0; i < side; ++i) {
      const double at = offset + i / spacing;
      const int left = static_cast<int>(at);
      begin.push_back(left);
      for (int tap = 0; tap < kTaps; ++tap) {
        const double x = std::abs(at - left + 1 - tap);
        weights.push_back(x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((x - 5) * x + 8) * x * a - 4 * a);
      }
    }
    length = begin.back() + kTaps;
  }
};

void DrawRegion(int side, Rng& rng, absl::Span<uint8_t> hole) {
  const double spacing = std::max(kFewestPixels, side / kNoiseValues);
  // Where the noise's grid lies is drawn too: a fixed one would favour some pixels.
  const double down = rng.Uniform(), across = rng.Uniform();
  const CubicAxis rows(side, spacing, down), columns(side, spacing, across);
  std::vector<float> noise(static_cast<size_t>(rows.length) * columns.length);
  for (float& value : noise) value = rng.Uniform();
  // Along rows, then down columns.
  std::vector<double> wide(static_cast<size_t>(rows.length) * side);
  for (int y = 0; y < rows.length; ++y) {
    for (int x = 0; x < side; ++x) {
      double sum = 0;
      for (int tap = 0; tap < kTaps; ++tap) {
        sum += columns.weights[kTaps * x + tap] * noise[y * columns.length + columns.begin[x] + tap];
      }
      wide[y * side + x] = sum;
    }
  }
  std::vector<double> values(hole.size());
  for (int y = 0; y < side; ++y) {
    for (int tap = 0; tap < kTaps; ++tap) {
      const double weight = rows.weights[kTaps * y + tap];
      const double* row = &wide[(rows.begin[y] + tap) * side];
      for (int x = 0; x < side; ++x) values[y * side + x] += weight * row[x];
    }
  }
  const double pixels = static_cast<double>(values.size());
  const size_t missing = static_cast<size_t>(std::lround(rng.Uniform(0.2, 0.3) * pixels));
  std::vector<double> ordered = values;
  std::nth_element(ordered.begin(), ordered.begin() + missing, ordered.end());
  for (size_t i = 0; i < values.size(); ++i) hole[i] = values[i] < ordered[missing] ? kMissing : kKnown;
}

}  // namespace

void DrawHole(const v1::InpaintingSpec& spec, int side, Rng& rng, absl::Span<uint8_t> hole) {
  std::fill(hole.begin(), hole.end(), kKnown);
  switch (spec.hole()) {
    case v1::InpaintingSpec::CENTER:
      return DrawCenter(spec.rim(), side, hole);
    case v1::InpaintingSpec::BLOCKS:
      return DrawBlocks(side, rng, hole);
    default:
      return DrawRegion(side, rng, hole);
  }
}

}  // namespace pretext
