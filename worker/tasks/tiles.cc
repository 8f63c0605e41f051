#include "worker/tasks/tiles.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/mean.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace pretext {

int DefaultGrid(int side) {
  constexpr int kEnoughForNine = 32;  // pixels
  return side >= kEnoughForNine ? 3 : 2;
}

int DefaultGap(int cell) { return std::max(1, static_cast<int>(std::lround(0.15 * cell))); }

absl::Status CheckTiles(absl::string_view task, const TileGrid& grid, int side) {
  if (grid.tile() >= kSmallestTile) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(task, ": pictures of ", side, " pixels cut into ", grid.grid, " x ", grid.grid,
                   " cells with a gap of ", grid.gap, " give tiles of ", grid.tile(), " pixels; at least ",
                   kSmallestTile, " are needed: raise image_size, or lower gap or grid"));
}

TilePlace DrawTilePlace(const TileGrid& grid, int number, int channel_shift, Rng& rng) {
  TilePlace place;
  place.top = number / grid.grid * grid.cell;
  place.left = number % grid.grid * grid.cell;
  const int down = static_cast<int>(rng.Below(grid.gap + 1));
  const int right = static_cast<int>(rng.Below(grid.gap + 1));
  for (int c = 0; c < 3; ++c) {
    place.down[c] = std::min(grid.gap, down + static_cast<int>(rng.Below(channel_shift + 1)));
    place.right[c] = std::min(grid.gap, right + static_cast<int>(rng.Below(channel_shift + 1)));
  }
  return place;
}

void CutTile(absl::Span<const uint8_t> view, int side, int channels, const TilePlace& place, int size,
             absl::Span<uint8_t> tile) {
  for (int c = 0; c < channels; ++c) {
    const int top = place.top + place.down[c], left = place.left + place.right[c];
    for (int y = 0; y < size; ++y) {
      const uint8_t* from = &view[(static_cast<size_t>(top + y) * side + left) * channels + c];
      uint8_t* to = &tile[static_cast<size_t>(y) * size * channels + c];
      for (int x = 0; x < size; ++x) to[x * channels] = from[x * channels];
    }
  }
}

at::Tensor StandardizeTiles(const at::Tensor& tiles) {
  constexpr double kFlat = 1;  // variance in grey levels below which there is nothing to stretch
  const at::Tensor values = tiles.to(at::kFloat);
  const at::Tensor centred = values - values.mean({1, 2}, /*keepdim=*/true);
  const at::Tensor variance = centred.square().mean({1, 2}, /*keepdim=*/true);
  return (centred / variance.clamp_min(kFlat).sqrt()).permute({0, 3, 1, 2});
}

}  // namespace pretext
