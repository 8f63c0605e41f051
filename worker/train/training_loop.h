#ifndef PRETEXT_WORKER_TRAIN_TRAINING_LOOP_H_
#define PRETEXT_WORKER_TRAIN_TRAINING_LOOP_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/stage.pb.h"
#include "worker/data/batch_layout.h"
#include "worker/data/batch_loader.h"
#include "worker/dist/process_group.h"
#include "worker/optim/optimizer.h"
#include "worker/train/objective.h"
#include "worker/train/stage_checkpoints.h"
#include "worker/train/step_report.h"
#include "worker/train/step_values.h"
#include "worker/train/training_observer.h"

namespace pretext {

// What a training loop works with; nothing is owned.
struct TrainingParts {
  Objective* objective = nullptr;
  Optimizer* optimizer = nullptr;
  BatchLoader* loader = nullptr;  // at `first_step`
  StageCheckpoints* checkpoints = nullptr;
  StepReport* report = nullptr;
  ProcessGroup* process_group = nullptr;
  Reporter* reporter = nullptr;
  std::vector<TrainingObserver*> observers;
  std::vector<at::Tensor> norm_statistics;  // averaged over the ranks after each step
};

struct TrainingOptions {
  std::string stage;       // its name
  int64_t first_step = 0;  // steps done already
  int64_t steps = 0;       // of the stage
  int32_t accumulation = 1;
  double clip_norm = 0;
  v1::Precision precision = v1::FP32;
  c10::Device device{c10::kCPU};
  BatchLayout layout;
};

// Trains to the end of a stage. Training thread, on all ranks of a gang alike.
class TrainingLoop {
 public:
  TrainingLoop(const TrainingOptions& options, const TrainingParts& parts);

  // OK: all steps are done. CANCELLED: some rank was asked to stop; all stopped after the same step, and its
  // checkpoint is durable. ABORTED, reason NON_FINITE. Else errors of the parts.
  absl::Status Run();

 private:
  absl::Status Step(int64_t step);
  // Lets the observers look on, before the first step and after each. `*stop`: one of them was stopped, on
  // all ranks.
  absl::Status Observe(int64_t done, bool begins, bool* stop);
  // Loss and gradients of one step, added up over its micro-batches; neither while the objective only
  // prepares. Values are means.
  absl::StatusOr<BatchLoss> Backward(int64_t step);
  // Reports what is known by now. Sets `*stop` once all ranks know that they stop.
  absl::Status Read(bool all, bool* stop);
  void ReportBrokenPictures();

  TrainingOptions options_;
  TrainingParts parts_;
  StepValues values_;
  std::unique_ptr<GradientSync> sync_;
  absl::Duration waited_;  // for data, in the step under way
  std::set<std::string> broken_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_TRAINING_LOOP_H_
