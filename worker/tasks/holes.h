#ifndef PRETEXT_WORKER_TASKS_HOLES_H_
#define PRETEXT_WORKER_TASKS_HOLES_H_

#include <cstdint>

#include "absl/types/span.h"
#include "pretext/v1/task.pb.h"
#include "worker/data/rng.h"

namespace pretext {

// What a pixel is in inpainting.
constexpr uint8_t kKnown = 0;    // shown, and nothing asked
constexpr uint8_t kMissing = 1;  // to be filled in
constexpr uint8_t kRim = 2;      // to be filled in though it is shown

// The hole of one picture of side x side pixels, row by row, as `spec` says:
//   CENTER  the middle square of half the side; all but its outer `rim` pixels are missing. Draws nothing.
//   BLOCKS  several rectangles, each side an eighth to a third of the picture's, anywhere, one over another,
//           until the next would make it more than a quarter of the picture
//   REGION  noise of 14 values along the picture's side (fewer where a value would be less than 4 pixels),
//           enlarged bicubically, and of that the smallest values: a share drawn from 20 .. 30 %
// REQUIRES: hole.size() == side * side, side >= 4, 2 * rim < side / 2.
void DrawHole(const v1::InpaintingSpec& spec, int side, Rng& rng, absl::Span<uint8_t> hole);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_HOLES_H_
