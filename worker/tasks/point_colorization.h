#ifndef PRETEXT_WORKER_TASKS_POINT_COLORIZATION_H_
#define PRETEXT_WORKER_TASKS_POINT_COLORIZATION_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Colorization at drawn points (Larsson, Maire & Shakhnarovich 2016, "Learning Representations for Automatic
// Colorization"): the method LARSSON of the colorization task, which calls what follows.

// INVALID_ARGUMENT: the square around a point is larger than the picture.
absl::Status CheckPointColorization(const TaskContext& context);

// Fields, for side S and P points:
//   "lightness"  float (S, S, 1)  L, 0 .. 100
//   "points"     int64 (P, 2)     row and column, drawn so that the square around them lies within the view
//   "hue"        float (P, 32)    shares of the square's pixels, summing to one
//   "chroma"     float (P, 32)
//   "counts"     float (P, 2)     how much the point's hue counts, its pixel's own chroma; and its chroma,
//                                 ChromaWeight of its lightness
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakePointColorizationViewBuilder(const TaskContext& context);

// The network's input is that of the method ZHANG. A linear layer of 1024, ReLU and dropout 0.5 follow the
// hypercolumns of the input and all of the backbone's maps, then one linear layer each for hue and chroma.
// Dropout is drawn from (seed, stage, step, picture of the global batch).
//
// Reads up to 500 pictures, shared out over the ranks, to measure what knowing nothing costs on these data.
// INVALID_ARGUMENT: none of them has any colour.
//
// Loss: HueChromaLoss. Metrics: chroma_divergence (the mean over points, unweighted), hue_divergence and
// hue_accuracy (the most probable hue is the most frequent one), both weighted by chroma. Predictions: logits
// (B, 32, 2 P), the hues of all points and then the chromas. Features: (B, D).
absl::StatusOr<std::unique_ptr<PretextTask>> MakePointColorization(const TaskContext& context,
                                                                   const TrainContext& train);

// The divergence of what is predicted from what is true, sum t ln t - sum t ln p, of each row: logits (N,
// 32), shares (N, 32) -> (N), in fp32. Zero if and only if they are equal; ln 32 - H(shares) for equal
// logits.
at::Tensor Divergence(const at::Tensor& logits, const at::Tensor& shares);

// (2 P logits a picture as above, fields "hue", "chroma" and "counts" of a batch) -> the mean over all points
// of counts_chroma * KL(chroma) + hue_weight * counts_hue * KL(hue). A grey point says nothing of hues.
at::Tensor HueChromaLoss(const at::Tensor& predictions, const at::Tensor& hue, const at::Tensor& chroma,
                         const at::Tensor& counts, double hue_weight);

// What dropout leaves of `units` units of each of `pictures` * `points` rows: uint8 (pictures * points,
// units) on `device`, 1 or 0 with equal chance. Picture i is number `first_picture` + i of the micro-batch
// over all ranks. REQUIRES: units is a multiple of 32.
struct DropoutKey {
  uint64_t seed = 0;
  uint32_t stage = 0;
  int64_t step = 0;
  int32_t micro = 0;
  int64_t first_picture = 0;
};
at::Tensor HalfDropout(const DropoutKey& key, int64_t pictures, int64_t points, int64_t units,
                       c10::Device device);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_POINT_COLORIZATION_H_
