#ifndef PRETEXT_WORKER_TASKS_TILES_H_
#define PRETEXT_WORKER_TASKS_TILES_H_

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/data/rng.h"

namespace pretext {

// Square parts of a view, for the tasks whose network sees no more than one part at once.

struct TilePlace {
  int top = 0, left = 0;
  // Added to top and left for each channel: moved apart, the channels no longer show by their coloured seams
  // where in the lens a tile was (chromatic aberration; Doersch et al. 2015).
  std::array<int, 3> down = {}, right = {};
};

// A square view cut into grid x grid cells, and of each cell a tile smaller by `gap`. All but `grid` in
// pixels.
struct TileGrid {
  int grid = 3;
  int cell = 0;
  int gap = 0;
  int tile() const { return cell - gap; }
  int tiles() const { return grid * grid; }
};

constexpr int kSmallestTile = 6;  // pixels, below which there is nothing to see

// 3, and 2 for pictures of less than 32 pixels. 15 % of a cell, as 11 of 75 pixels in Noroozi & Favaro 2016.
int DefaultGrid(int side);
int DefaultGap(int cell);

// OK, or INVALID_ARGUMENT: the tiles of a view of `side` pixels are too small. `task` is named in the
// message.
absl::Status CheckTiles(absl::string_view task, const TileGrid& grid, int side);

// A random place of the tile in cell `number`, counted row by row. Each channel is moved by up to
// `channel_shift` pixels more; none leaves the cell.
TilePlace DrawTilePlace(const TileGrid& grid, int number, int channel_shift, Rng& rng);

// Copies a tile of `size` pixels out of a view of `side` pixels, both HWC. REQUIRES: all of it lies within.
void CutTile(absl::Span<const uint8_t> view, int side, int channels, const TilePlace& place, int size,
             absl::Span<uint8_t> tile);

// uint8 tiles (N, H, W, C) -> float (N, C, H, W) in channels-last memory: each channel of each tile with mean
// 0 and, unless it is flat, standard deviation 1, so that brightness and contrast say nothing about which
// tiles were neighbours.
at::Tensor StandardizeTiles(const at::Tensor& tiles);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_TILES_H_
