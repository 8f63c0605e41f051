#ifndef PRETEXT_WORKER_TASKS_HUE_CHROMA_H_
#define PRETEXT_WORKER_TASKS_HUE_CHROMA_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace pretext {

// Colours as Larsson, Maire & Shakhnarovich 2016 ("Learning Representations for Automatic Colorization") put
// them: a hue on a circle, as in HSV, and a chroma, the largest of red, green and blue less the smallest.

struct HueChroma {
  float hue = 0;     // 0 .. 1, of a full turn: red 0, green 1/3, blue 2/3; 0 where chroma is 0
  float chroma = 0;  // 0 .. 1
};
HueChroma HueChromaFromRgb(uint8_t red, uint8_t green, uint8_t blue);

// Values in 0 .. 1 fall into bins of equal width; 1 itself falls into the last.
constexpr int kHueChromaBins = 32;
int HueChromaBin(float value);

// Which colours a square of pixels holds.
struct HueChromaHistograms {
  // Shares, each summing to one. Grey pixels have no hue: the others share it, and all bins share it equally
  // where there are none.
  std::array<float, kHueChromaBins> hue = {};
  std::array<float, kHueChromaBins> chroma = {};
};

// Of the window x window pixels around (row, column) of an RGB picture (side * side * 3 bytes). REQUIRES:
// window is odd, and all of the square lies within the picture.
HueChromaHistograms CountHueChroma(absl::Span<const uint8_t> rgb, int side, int row, int column, int window);

// How much the chroma of a pixel of this lightness (0 .. 1) counts in the loss: min(3 l, 1, 3 (1 - l)), for
// what is near black or white has hardly any.
float ChromaWeight(float lightness);

// The colour that two histograms mean: the direction of the mean of the hues on their circle, and the median
// of the chroma, interpolated within its bin. Where the hues point anywhere (their mean is shorter than 0.03)
// the chroma fades to grey, so that the undecided does not flicker. REQUIRES: kHueChromaBins shares each,
// summing to one.
HueChroma DecodeHueChroma(absl::Span<const float> hue, absl::Span<const float> chroma);

// The sRGB colour (0 .. 1) of this hue and chroma whose CIE lightness is `lightness`, 0 .. 100. Where sRGB
// has none so vivid, the most vivid one that it has: the lightness is kept, always.
std::array<float, 3> RgbFromHueChroma(const HueChroma& color, float lightness);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_HUE_CHROMA_H_
