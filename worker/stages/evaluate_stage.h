#ifndef PRETEXT_WORKER_STAGES_EVALUATE_STAGE_H_
#define PRETEXT_WORKER_STAGES_EVALUATE_STAGE_H_

#include "absl/status/statusor.h"
#include "worker/stages/stage_result.h"
#include "worker/train/stage_run.h"

namespace pretext {

// Judges a frozen backbone's features by kNN and linear probe, as the stage asks; trains no backbone and
// exports none. On all ranks; errors are RunJob's. Found: each probe's judgement with its protocol, and
// RecordLabels'. Metrics at step 0: "{stage}/knn_top1", "{stage}/linear_top1" and what belongs to them.
absl::StatusOr<StageResult> RunEvaluateStage(const StageRun& run);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_EVALUATE_STAGE_H_
