#ifndef PRETEXT_WORKER_STAGES_FINETUNE_STAGE_H_
#define PRETEXT_WORKER_STAGES_FINETUNE_STAGE_H_

#include "absl/status/statusor.h"
#include "worker/stages/stage_result.h"
#include "worker/train/stage_run.h"

namespace pretext {

// Trains a classifier on labelled pictures by the stage's recipe, judges its last weights once on the test
// pictures and exports it. On all ranks; errors are RunJob's. Found: the judgement with its protocol, and
// RecordLabels'. Metrics: "{stage}/test_accuracy" and what belongs to it, at the last step.
absl::StatusOr<StageResult> RunFinetuneStage(const StageRun& run);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_FINETUNE_STAGE_H_
