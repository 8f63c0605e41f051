#ifndef PRETEXT_WORKER_TASKS_ROTATION_H_
#define PRETEXT_WORKER_TASKS_ROTATION_H_

#include <ATen/core/Tensor.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Rotation prediction (Gidaris, Singh & Komodakis 2018, "Unsupervised Representation Learning by Predicting
// Image Rotations"): one view a picture; all four turns of it are in the batch; a linear head on the pooled
// features says which is which. The view's only field is "view", uint8 (side, side, channels).
absl::Status CheckRotation(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeRotationViewBuilder(const TaskContext& context);

// Loss: cross entropy over the 4 B turned pictures, chance ln 4. Metrics: accuracy. Predictions: (B, 4, 4),
// logits [picture, turn said, turn shown]. Features: (B, D), those of the upright pictures.
absl::StatusOr<std::unique_ptr<PretextTask>> MakeRotation(const TaskContext& context,
                                                          const TrainContext& train);

// Pictures (B, S, S, C) -> (4 B, S, S, C), each turned counter-clockwise by 0, 90, 180 and 270 degrees
// without interpolation: picture i is rows 4 i .. 4 i + 3. A picture's turns stay together, so that each
// group of batch normalisation sees all four: statistics over one turn alone would give the answer away.
at::Tensor FourRotations(const at::Tensor& pictures);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_ROTATION_H_
