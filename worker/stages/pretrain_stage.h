#ifndef PRETEXT_WORKER_STAGES_PRETRAIN_STAGE_H_
#define PRETEXT_WORKER_STAGES_PRETRAIN_STAGE_H_

#include "absl/status/statusor.h"
#include "worker/stages/stage_result.h"
#include "worker/train/stage_run.h"

namespace pretext {

// Trains a backbone on a pretraining stage's tasks and exports it. On all ranks; errors are RunJob's. Found:
// the last losses and how many pictures were seen.
absl::StatusOr<StageResult> RunPretrainStage(const StageRun& run);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_PRETRAIN_STAGE_H_
