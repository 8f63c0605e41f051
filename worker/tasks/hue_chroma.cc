#include "worker/tasks/hue_chroma.h"

#include <algorithm>
#include <cmath>
#include <complex>

#include "worker/tasks/lab.h"

namespace pretext {
namespace {

constexpr double kTurn = 6.283185307179586;
constexpr double kSureDirection = 0.03;
constexpr int kBisections = 20;  // to a millionth

// Red, green and blue of a full chroma at this hue, the smallest being 0.
std::array<double, 3> PureColor(double hue) {
  std::array<double, 3> color;
  for (int c = 0; c < 3; ++c) {
    const double from = std::fmod(hue * 6 + 6 - 2 * c, 6.0);  // sixths of a turn from the channel's own hue
    color[c] = std::clamp(2 - std::min(from, 6 - from), 0.0, 1.0);
  }
  return color;
}

double Lightness(const std::array<double, 3>& pure, double chroma, double white) {
  std::array<double, 3> rgb;
  for (int c = 0; c < 3; ++c) rgb[c] = std::min(1.0, pure[c] * chroma + white);
  return LightnessFromSrgb(rgb);
}

// The largest value in 0 .. most for which `holds`, which holds for all smaller ones; 0 if for none.
template <typename Predicate>
double Largest(double most, Predicate holds) {
  if (holds(most)) return most;
  double low = 0, high = most;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (holds(middle) ? low : high) = middle;
  }
  return low;
}

float InterpolatedMedian(absl::Span<const float> shares) {
  float below = 0;
  for (int k = 0; k < kHueChromaBins; ++k) {
    if (shares[k] > 0 && below + shares[k] >= 0.5f) {
      return (k + std::clamp((0.5f - below) / shares[k], 0.0f, 1.0f)) / kHueChromaBins;
    }
    below += shares[k];
  }
  return 1;
}

}  // namespace

HueChroma HueChromaFromRgb(uint8_t red, uint8_t green, uint8_t blue) {
  const int most = std::max({red, green, blue});
  const int least = std::min({red, green, blue});
  if (most == least) return {};
  const float span = static_cast<float>(most - least);
  float sixths = most == red     ? (green - blue) / span
                 : most == green ? (blue - red) / span + 2
                                 : (red - green) / span + 4;
  if (sixths < 0) sixths += 6;
  return {sixths / 6, span / 255};
}

int HueChromaBin(float value) {
  return std::clamp(static_cast<int>(value * kHueChromaBins), 0, kHueChromaBins - 1);
}

HueChromaHistograms CountHueChroma(absl::Span<const uint8_t> rgb, int side, int row, int column, int window) {
  HueChromaHistograms counted;
  int colored = 0;
  for (int y = row - window / 2; y <= row + window / 2; ++y) {
    for (int x = column - window / 2; x <= column + window / 2; ++x) {
      const uint8_t* pixel = rgb.data() + (static_cast<size_t>(y) * side + x) * 3;
      const HueChroma color = HueChromaFromRgb(pixel[0], pixel[1], pixel[2]);
      ++counted.chroma[HueChromaBin(color.chroma)];
      if (color.chroma == 0) continue;
      ++counted.hue[HueChromaBin(color.hue)];
      ++colored;
    }
  }
  for (float& share : counted.chroma) share /= static_cast<float>(window * window);
  if (colored == 0) counted.hue.fill(1);
  const float total = colored == 0 ? kHueChromaBins : static_cast<float>(colored);
  for (float& share : counted.hue) share /= total;
  return counted;
}

float ChromaWeight(float lightness) {
  return std::max(0.0f, std::min({3 * lightness, 1.0f, 3 * (1 - lightness)}));
}

HueChroma DecodeHueChroma(absl::Span<const float> hue, absl::Span<const float> chroma) {
  std::complex<double> mean = 0;
  for (int k = 0; k < kHueChromaBins; ++k) {
    mean += static_cast<double>(hue[k]) * std::polar(1.0, kTurn * (k + 0.5) / kHueChromaBins);
  }
  double turn = std::arg(mean) / kTurn;
  if (turn < 0) turn += 1;
  const double certainty = std::min(std::abs(mean) / kSureDirection, 1.0);
  return {static_cast<float>(turn), static_cast<float>(InterpolatedMedian(chroma) * certainty)};
}

// At a chroma c the three channels are c times the pure colour plus some white, 0 .. 1 - c, and lightness
// grows with the white. Without white it grows with c, and with the most white it falls with c: so the
// chromas that reach a lightness are those up to one.
std::array<float, 3> RgbFromHueChroma(const HueChroma& color, float lightness) {
  const std::array<double, 3> pure = PureColor(color.hue);
  const double chroma = Largest(std::clamp<double>(color.chroma, 0, 1), [&](double c) {
    return Lightness(pure, c, 0) <= lightness && lightness <= Lightness(pure, c, 1 - c);
  });
  const double white = Largest(1 - chroma, [&](double w) { return Lightness(pure, chroma, w) <= lightness; });
  std::array<float, 3> rgb;
  for (int c = 0; c < 3; ++c) rgb[c] = static_cast<float>(std::min(1.0, pure[c] * chroma + white));
  return rgb;
}

}  // namespace pretext
