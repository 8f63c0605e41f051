#include "worker/tasks/colorized_picture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "worker/tasks/color_bins.h"
#include "worker/tasks/colorization_view_builder.h"
#include "worker/tasks/lab.h"

namespace pretext {
namespace {

constexpr double kTurn = 6.283185307179586;
constexpr int64_t kSideOfDots = 64;

// A picture whose pixel (y, x) is color(y, x, lightness there): sRGB in 0 .. 1.
template <typename Color>
at::Tensor Paint(const at::Tensor& lightness, Color color) {
  const int64_t side = lightness.size(0);
  const at::Tensor grey = lightness.contiguous();
  const float* l = grey.const_data_ptr<float>();
  const at::Tensor picture = at::empty({side, side, 3}, at::kByte);
  uint8_t* pixel = picture.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < side * side; ++i) {
    for (const float channel : color(i / side, i % side, l[i])) {
      *pixel++ = static_cast<uint8_t>(std::lround(channel * 255));
    }
  }
  return picture;
}

// A map (C, C) between its cells, which lie kColorStride pixels apart.
struct CellReader {
  int64_t cells;
  const float* values;

  float At(int64_t y, int64_t x) const {
    const float row = std::min(y / static_cast<float>(kColorStride), static_cast<float>(cells - 1));
    const float column = std::min(x / static_cast<float>(kColorStride), static_cast<float>(cells - 1));
    const auto top = static_cast<int64_t>(row), left = static_cast<int64_t>(column);
    const int64_t bottom = std::min(top + 1, cells - 1), right = std::min(left + 1, cells - 1);
    const float down = row - top, across = column - left;
    const auto at = [this](int64_t i, int64_t j) { return values[i * cells + j]; };
    return (1 - down) * ((1 - across) * at(top, left) + across * at(top, right)) +
           down * ((1 - across) * at(bottom, left) + across * at(bottom, right));
  }
};

// A colour as a place on the disc of hue and chroma, where colours have means.
struct OnDisc {
  double x = 0, y = 0;
};

OnDisc ToDisc(const HueChroma& color) {
  return {color.chroma * std::cos(kTurn * color.hue), color.chroma * std::sin(kTurn * color.hue)};
}

HueChroma FromDisc(const OnDisc& place) {
  const double turn = std::atan2(place.y, place.x) / kTurn;
  return {static_cast<float>(turn < 0 ? turn + 1 : turn), static_cast<float>(std::hypot(place.x, place.y))};
}

}  // namespace

at::Tensor ColorizeCells(const at::Tensor& lightness, const at::Tensor& ab) {
  const at::Tensor cells = ab.contiguous();
  const float* values = cells.const_data_ptr<float>();
  const CellReader a{cells.size(1), values}, b{cells.size(1), values + cells.size(1) * cells.size(1)};
  return Paint(lightness, [&](int64_t y, int64_t x, float l) {
    return SrgbFromLab({l, a.At(y, x), b.At(y, x)});
  });
}

at::Tensor MeanOfBins(const at::Tensor& bins, const at::Tensor& weights) {
  const at::Tensor centers = ColorBinCenters().index_select(0, bins.reshape(-1));  // (C C k, 2)
  return (centers.view({bins.size(0), bins.size(1), bins.size(2), 2}) * weights.unsqueeze(3))
      .sum(2)
      .permute({2, 0, 1});
}

at::Tensor ColorizePoints(const at::Tensor& lightness, const at::Tensor& points,
                          absl::Span<const HueChroma> colors) {
  const at::Tensor places = points.contiguous();
  const int64_t* place = places.const_data_ptr<int64_t>();
  std::vector<OnDisc> on_disc;
  for (const HueChroma& color : colors) on_disc.push_back(ToDisc(color));
  return Paint(lightness, [&](int64_t y, int64_t x, float l) {
    OnDisc mean;
    double weights = 0;
    for (size_t i = 0; i < on_disc.size(); ++i) {
      const auto down = static_cast<double>(place[2 * i] - y),
                 right = static_cast<double>(place[2 * i + 1] - x);
      const double square = down * down + right * right;
      const double weight = 1 / (square * square + 1e-4);
      mean.x += weight * on_disc[i].x;
      mean.y += weight * on_disc[i].y;
      weights += weight;
    }
    return RgbFromHueChroma(FromDisc({mean.x / weights, mean.y / weights}), l);
  });
}

at::Tensor DotPoints(const at::Tensor& lightness, const at::Tensor& points,
                     absl::Span<const HueChroma> colors) {
  const int64_t side = lightness.size(0);
  const int64_t reach = side / kSideOfDots;
  const at::Tensor places = points.contiguous();
  const int64_t* place = places.const_data_ptr<int64_t>();
  std::vector<HueChroma> dots(side * side);  // grey where there is none
  for (size_t i = 0; i < colors.size(); ++i) {
    for (int64_t y = place[2 * i] - reach; y <= place[2 * i] + reach; ++y) {
      for (int64_t x = place[2 * i + 1] - reach; x <= place[2 * i + 1] + reach; ++x) {
        if (y >= 0 && x >= 0 && y < side && x < side) dots[y * side + x] = colors[i];
      }
    }
  }
  return Paint(lightness,
               [&](int64_t y, int64_t x, float l) { return RgbFromHueChroma(dots[y * side + x], l); });
}

std::vector<HueChroma> DecodePoints(const at::Tensor& hue, const at::Tensor& chroma) {
  const at::Tensor hues = hue.contiguous(), chromas = chroma.contiguous();
  std::vector<HueChroma> colors;
  for (int64_t i = 0; i < hues.size(0); ++i) {
    colors.push_back(DecodeHueChroma({hues.const_data_ptr<float>() + i * kHueChromaBins, kHueChromaBins},
                                     {chromas.const_data_ptr<float>() + i * kHueChromaBins, kHueChromaBins}));
  }
  return colors;
}

}  // namespace pretext
