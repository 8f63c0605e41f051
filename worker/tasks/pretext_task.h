#ifndef PRETEXT_WORKER_TASKS_PRETEXT_TASK_H_
#define PRETEXT_WORKER_TASKS_PRETEXT_TASK_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

// One task's share of a batch, on the training device.
struct Batch {
  // In the order of the task's layout: field i is (B, ...) of the field's type. Pictures are uint8 NHWC.
  std::vector<at::Tensor> fields;
  std::vector<int64_t> indices;  // samples, in order: B of them
  int64_t step = 0;              // of the stage; with accumulation several batches share it
  int32_t micro = 0;
};

// What a task's network says of a batch, and what it goes by.
struct Answers {
  // kLogits: (B, classes, ...). kValues: (B, ...), in the loss's units. kNone: undefined.
  at::Tensor predictions;
  at::Tensor features;  // (B, D) pooled features of the backbone, undefined when there are none
};

struct TaskOutput : Answers {
  // Scalar with gradient: the mean over the batch of this rank. Undefined while the task prepares.
  at::Tensor loss;
  // Named values for people, without gradient, scalars: they are averaged over ranks and steps.
  // "accuracy", "positive_similarity", ...
  std::vector<std::pair<std::string, at::Tensor>> metrics;
};

// A batch as it would be put to a classifier that has nothing but pixels. If that one does well there is a
// shortcut.
struct PixelQuestion {
  // (N, P, C, H, W) float: what the backbone gets, P pictures an example. Examples of one picture of the
  // batch are next to each other, equally many of each.
  at::Tensor pictures;
  at::Tensor answers;  // (N) int64, 0 .. classes - 1
  int classes = 0;
};

enum class PredictionKind { kNone, kLogits, kValues };

// Position in training, for schedules inside a task.
struct Step {
  int64_t step = 0;   // just finished
  int64_t steps = 0;  // of the stage
};

// The training side of a pretext task. Owns its heads and whatever state it needs; shares the backbone with
// the stage's other tasks. All methods run on the training thread. The trainer knows no task by name.
class PretextTask {
 public:
  virtual ~PretextTask() = default;

  // Forward pass and loss of one batch. Runs the shared backbone itself. Errors are the process group's.
  virtual absl::StatusOr<TaskOutput> Loss(const Batch& batch) = 0;

  // The forward pass alone, in the mode the modules are in and with gradient unless the caller is against it.
  // Moves nothing that the task keeps (queues, banks, momentum encoders): what is asked may be a changed copy
  // of a batch, or a person's question.
  virtual absl::StatusOr<Answers> Answer(const Batch& batch) = 0;
  virtual PredictionKind predicts() const = 0;

  // Nothing where the answer is no class, or is one that no other picture has. Changes nothing.
  virtual std::optional<PixelQuestion> AskOfPixels(const Batch& batch) const { return std::nullopt; }

  // So many steps at the beginning of a stage the task makes ready what its loss needs and has no loss: what
  // it trains meanwhile it steps by itself. The backbone's rates are scheduled over the steps after, unless
  // another task of the stage uses them.
  virtual int64_t preparing_steps() const { return 0; }

  // After the optimizer has changed the weights, or at the end of a step without a loss: queues move on. (A
  // momentum encoder that moves *before* the keys are encoded, as MoCo's, does so in Loss.)
  virtual void AfterOptimizerStep(const Step& step) {}

  // Everything a checkpoint must hold beside the backbone: heads, and as buffers queues, momentum encoders,
  // pointers. Parameters with requires_grad are trained; all ranks hold equal values after each step.
  virtual torch::nn::Module& module() = 0;

  // What the loss is when the network knows nothing, shown beside it: ln K, ln(1 + N).
  virtual double chance_loss() const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PRETEXT_TASK_H_
