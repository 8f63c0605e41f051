#ifndef PRETEXT_WORKER_TASKS_AUTOENCODER_H_
#define PRETEXT_WORKER_TASKS_AUTOENCODER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// The autoencoder (Hinton & Salakhutdinov 2006, "Reducing the Dimensionality of Data with Neural Networks"):
// a picture is given back from a short code. The floor that every other task must beat. The view's only field
// is "picture", uint8 (side, side, channels). Loss, metrics and predictions: worker/tasks/reconstruction.h.
absl::Status CheckAutoencoder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeAutoencoderViewBuilder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<PretextTask>> MakeAutoencoder(const TaskContext& context,
                                                             const TrainContext& train);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_AUTOENCODER_H_
