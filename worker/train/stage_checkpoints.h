#ifndef PRETEXT_WORKER_TRAIN_STAGE_CHECKPOINTS_H_
#define PRETEXT_WORKER_TRAIN_STAGE_CHECKPOINTS_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/checkpoint/checkpoint_schedule.h"
#include "worker/checkpoint/checkpoint_writer.h"
#include "worker/optim/optimizer.h"
#include "worker/train/stage_run.h"

namespace pretext {

// The checkpoints of one stage under way: what goes into them, when they are taken, and how training goes on
// from one. All ranks hold the same, so rank 0 alone writes. Training thread.
class StageCheckpoints {
 public:
  // `modules` by file name: the backbone, each task. Modules, optimizer and run outlive it. `facts` must be
  // the same when the stage goes on: what the data are.
  StageCheckpoints(const StageRun* run, int64_t steps_per_epoch,
                   std::map<std::string, torch::nn::Module*> modules, Optimizer* optimizer,
                   nlohmann::json facts);

  // Brings everything to where the run's restored checkpoint was taken; the steps done by then. 0 and nothing
  // changed when there is none. FAILED_PRECONDITION: the data are others now; DATA_LOSS: a tensor is missing
  // or of another shape.
  absl::StatusOr<int64_t> Restore();

  // After `step` steps. Errors are the writer's: the disk is full.
  absl::Status SaveIfDue(int64_t step);
  // Now, durably.
  absl::Status Save(int64_t step);

 private:
  absl::Status Write(int64_t step);

  const StageRun* run_;
  int64_t steps_per_epoch_;
  std::map<std::string, torch::nn::Module*> modules_;
  Optimizer* optimizer_;
  nlohmann::json facts_;
  CheckpointSchedule schedule_;
  std::unique_ptr<CheckpointWriter> writer_;  // rank 0's
  int64_t last_saved_ = -1;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STAGE_CHECKPOINTS_H_
