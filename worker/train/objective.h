#ifndef PRETEXT_WORKER_TRAIN_OBJECTIVE_H_
#define PRETEXT_WORKER_TRAIN_OBJECTIVE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/optim/learning_rate.h"
#include "worker/tasks/pretext_task.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Named scalar tensors without gradient.
using NamedScalars = std::vector<std::pair<std::string, at::Tensor>>;

struct BatchLoss {
  // Scalar with gradient: the mean over this rank's part of the micro-batch. Undefined in steps that only
  // prepare what the loss needs: they have no backward pass and the optimizer rests.
  at::Tensor loss;
  // Shown beside the loss, the same names in all of a step's micro-batches: "moco_loss", "accuracy".
  NamedScalars values;
};

// What a stage trains: the training loop knows nothing else of pretraining or fine-tuning. Training thread.
class Objective {
 public:
  virtual ~Objective() = default;

  // Brings the networks into the state in which `step` (from 0) trains. Whether the set of parameters that
  // take a gradient is another than at the last call; true at the first.
  virtual bool Prepare(int64_t step) = 0;

  // One entry a parameter group of the optimizer.
  virtual std::vector<Rates> RatesAt(int64_t step) const = 0;

  // Forward pass and loss of one micro-batch, whose fields are those of the stage's loader.
  virtual absl::StatusOr<BatchLoss> Loss(const Batch& batch) = 0;

  // At the end of every step, those without a loss included.
  virtual void AfterOptimizerStep(const Step& step) = 0;

  // What each loss is when the network knows nothing: "chance_loss", and "{task}_chance_loss" of each part.
  virtual NamedNumbers ChanceLosses() const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_OBJECTIVE_H_
