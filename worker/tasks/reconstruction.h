#ifndef PRETEXT_WORKER_TASKS_RECONSTRUCTION_H_
#define PRETEXT_WORKER_TASKS_RECONSTRUCTION_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"

namespace pretext {

// What autoencoder and denoising share: from the features of a picture, as it is or damaged, the whole
// picture is given back through a code of `code_size` numbers.

// INVALID_ARGUMENT: the code holds as much as a picture, so that nothing would have to be learnt. `task` is
// named in the message.
absl::Status CheckCode(const std::string& task, int code_size, const TaskContext& context);

// Loss: the mean squared error in units of the data's deviation from its mean, each channel by its own; 1 is
// what the data's mean picture would have, 0 a perfect copy. Field 0 of a batch is the network's input and
// the last field the picture to give back, both uint8 (side, side, channels). Metrics: squared_error, in grey
// levels. Predictions: (B, channels, side, side), in the loss's units.
absl::StatusOr<std::unique_ptr<PretextTask>> MakeReconstruction(int code_size, int64_t prior_samples,
                                                                const TaskContext& context,
                                                                const TrainContext& train);

// Predictions of such a task (B, channels, side, side) as pictures in grey levels (B, side, side, channels).
at::Tensor GreyLevelsOf(const at::Tensor& predictions, PretextTask& task);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_RECONSTRUCTION_H_
