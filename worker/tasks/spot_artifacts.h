#ifndef PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_H_
#define PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Spotting artifacts (Jenni & Favaro 2018, "Self-Supervised Feature Learning by Learning to Spot Artifacts"):
// of a picture decoded whole and one decoded from a code most of whose cells were dropped, by a decoder that
// a repair network patches, say which is which, and where cells were dropped. Fields: "picture", uint8 (side,
// side, channels), and "kept", uint8 (1, h, w): 1 of the cells of the code that are kept, 0 of the dropped,
// at least one.
//
// In the first preparing_share of the steps the task trains its autoencoder by itself, and has neither loss
// nor answers' features; after that the autoencoder stays as it is. The backbone sees pairs, the picture
// decoded whole and then the repaired one, next to each other: 2B pictures a batch. The repair network is
// trained by itself on the same forward pass, to be taken for whole and, repair_weight times, to keep the
// picture where nothing was dropped.
//
// Loss: cross entropy of whole (class 0) and repaired (class 1) over the 2B pictures, plus mask_weight times
// the logistic cross entropy, over the cells of the backbone's deepest map, of what share of the cell was
// kept: the code's cells averaged over the area where the two grids differ, all kept in a whole picture.
// Metrics: accuracy, mask_accuracy, autoencoder_error and repair_error (of what was kept), both squared, in
// grey levels; while preparing, autoencoder_error alone. Predictions: (B, 2 classes, 2 pictures). Features:
// of the whole picture.
absl::Status CheckSpotArtifacts(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeSpotArtifactsViewBuilder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<PretextTask>> MakeSpotArtifacts(const TaskContext& context,
                                                               const TrainContext& train);

// How many of a stage's steps `share` of them are: at least one, and not all.
int64_t PreparingSteps(double share, int64_t steps);

// What the backbone is shown of a batch, (2B, channels, side, side) in -1 .. 1: pairs, the whole picture
// first. `module` is such a task's.
at::Tensor PairsShown(torch::nn::Module& module, const Batch& batch);

// What the mask logits (2B, 1, H, W) of pairs are to say, of that shape: 1 for each first picture, and for
// each second the share that is kept of every cell, from kept (B, 1, h, w).
at::Tensor KeptShares(const at::Tensor& kept, const at::Tensor& mask_logits);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_H_
