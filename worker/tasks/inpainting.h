#ifndef PRETEXT_WORKER_TASKS_INPAINTING_H_
#define PRETEXT_WORKER_TASKS_INPAINTING_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/task.pb.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Context encoders (Pathak, Krahenbuhl, Donahue, Darrell & Efros 2016, "Context Encoders: Feature Learning by
// Inpainting"): from a picture with a hole, what was in the hole. Fields: "picture", uint8 (side, side,
// channels), and "hole", uint8 (side, side, 1): what each pixel is (holes.h), all known in a picture shown
// whole.
//
// The network sees the data's mean colour in the hole. From the backbone's deepest map a channel-wise fully
// connected layer, a convolution that mixes the channels, and convolutions that enlarge make the whole
// picture, of which what was to be filled in counts. Loss: its squared error in units of the data's deviation
// from its mean, each channel by its own and pixels of the rim rim_weight times, averaged over a picture's
// pixels and then over the pictures with a hole; 1 is what the data's mean colour costs. With an adversary,
// (1 - adversarial_share) times that and adversarial_share times what being told from the truth costs.
// Metrics: squared_error of missing pixels, in grey levels; with an adversary also reconstruction and
// fooling, the loss's two parts, telling, the adversary's own loss, and told_apart, the share of the pictures
// that it tells. Predictions: (B, channels, side, side), in units of the data's deviation from its mean.
absl::StatusOr<std::vector<ResolvedField>> ResolveInpainting(const TaskSizes& sizes, v1::TaskSpec* spec);
absl::Status CheckInpainting(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeInpaintingViewBuilder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<PretextTask>> MakeInpainting(const TaskContext& context,
                                                            const TrainContext& train);

// pictures uint8 (B, S, S, C), holes uint8 (B, S, S, 1), color uint8 (C) -> the pictures with `color` where
// pixels are missing, every other value as it is.
at::Tensor FillHoles(const at::Tensor& pictures, const at::Tensor& holes, const at::Tensor& color);

// errors (B, C, S, S), weights (B, 1, S, S) -> (B), the mean square of each picture's errors by the weights
// of its pixels; 0 of a picture whose weights are all 0.
at::Tensor WeightedSquares(const at::Tensor& errors, const at::Tensor& weights);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_INPAINTING_H_
