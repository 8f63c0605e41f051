#include "worker/tasks/painting.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

// Told from white and black backgrounds alike.
constexpr double kLineGray = 200;
constexpr double kFrameGray = 20;

}  // namespace

Image PictureOf(const at::Tensor& picture) {
  at::Tensor bytes = picture;
  if (picture.scalar_type() != at::kByte) bytes = picture.round().clamp(0, 255).to(at::kByte);
  bytes = bytes.contiguous();
  const uint8_t* begin = bytes.const_data_ptr<uint8_t>();
  return {static_cast<int>(bytes.size(0)), static_cast<int>(bytes.size(1)), static_cast<int>(bytes.size(2)),
          std::vector<uint8_t>(begin, begin + bytes.numel())};
}

Image MosaicOf(const at::Tensor& tiles, const std::vector<int>& marked) {
  const auto grid = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(tiles.size(0)))));
  const int64_t height = tiles.size(1), width = tiles.size(2), channels = tiles.size(3);
  const int64_t gap = std::max<int64_t>(1, height / 14);
  at::Tensor whole = at::full({grid * (height + gap) + gap, grid * (width + gap) + gap, channels}, kLineGray,
                              at::TensorOptions().dtype(at::kFloat));
  for (int64_t i = 0; i < tiles.size(0); ++i) {
    const int64_t top = gap + i / grid * (height + gap), left = gap + i % grid * (width + gap);
    const auto area = [&](int64_t border) {
      return whole.narrow(0, top - border, height + 2 * border).narrow(1, left - border, width + 2 * border);
    };
    if (std::count(marked.begin(), marked.end(), static_cast<int>(i)) > 0) area(gap).fill_(kFrameGray);
    area(0).copy_(tiles[i]);
  }
  return PictureOf(whole);
}

std::string ShareText(double share) { return absl::StrFormat("%.0f %%", share * 100); }

}  // namespace pretext
