#ifndef PRETEXT_WORKER_EVAL_PIXEL_PROBE_H_
#define PRETEXT_WORKER_EVAL_PIXEL_PROBE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace pretext {

// How well a linear classifier of pixels does what a network is to learn, on examples it has not seen.
struct PixelProbe {
  double accuracy = 0;
  double chance = 0;          // of always giving the commonest answer
  double standard_error = 0;  // of `accuracy`, from the number of pictures that the held-out examples are of
  int64_t pictures = 0;       // those

  // More than four standard errors above chance, and at least a quarter of the way from it to 1.
  bool beats_chance() const;
};

// What is left of pictures for the probe: (N, P, C, H, W) of any floating type and device, each example made
// of P parts -> (N, D) float on the CPU. Parts are shrunk until D is about 2000, at most 16 x 16 of a part
// and channel. Examples of equal shape give equal D.
at::Tensor PixelNumbers(const at::Tensor& pictures);

// numbers (N, D), answers (N) int64 in 0 .. classes - 1, both on the CPU. Examples of one picture follow each
// other, `per_picture` of them. Learns from those of the first two thirds of the pictures. Deterministic; a
// few seconds at most for some thousand examples. INVALID_ARGUMENT: shapes do not make sense, there are fewer
// than three pictures, or numbers are not finite.
absl::StatusOr<PixelProbe> ProbePixels(const at::Tensor& numbers, const at::Tensor& answers, int classes,
                                       int64_t per_picture);

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_PIXEL_PROBE_H_
