#ifndef PRETEXT_WORKER_TASKS_COLORIZED_PICTURE_H_
#define PRETEXT_WORKER_TASKS_COLORIZED_PICTURE_H_

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/types/span.h"
#include "worker/tasks/hue_chroma.h"

namespace pretext {

// Grey pictures given colours that are known at some places only, for people to look at. All tensors are on
// the CPU; `lightness` is float (S, S, 1), 0 .. 100; pictures are uint8 (S, S, 3) and keep it.

// ab (2, C, C) float at every kColorStride-th pixel, from the corner on, bilinear between. What a network of
// the method ZHANG answers becomes ab by AnnealedMean.
at::Tensor ColorizeCells(const at::Tensor& lightness, const at::Tensor& ab);

// The ab of cells (2, C, C) that share out their colour among bins: bins int64 (C, C, k), weights (C, C, k).
at::Tensor MeanOfBins(const at::Tensor& bins, const at::Tensor& weights);

// colors[i] at points[i] (P, 2), row and column; elsewhere the mean of all by the inverse fourth power of
// their distance.
at::Tensor ColorizePoints(const at::Tensor& lightness, const at::Tensor& points,
                          absl::Span<const HueChroma> colors);

// The grey picture with the colours at the points alone, each a dot of 3 x 3 pixels (1 for pictures of 64
// pixels and less).
at::Tensor DotPoints(const at::Tensor& lightness, const at::Tensor& points,
                     absl::Span<const HueChroma> colors);

// The colours that shares mean: hue (P, 32), chroma (P, 32) float.
std::vector<HueChroma> DecodePoints(const at::Tensor& hue, const at::Tensor& chroma);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLORIZED_PICTURE_H_
