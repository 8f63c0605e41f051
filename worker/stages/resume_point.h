#ifndef PRETEXT_WORKER_STAGES_RESUME_POINT_H_
#define PRETEXT_WORKER_STAGES_RESUME_POINT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/train/job_run.h"

namespace pretext {

// Where an attempt begins.
struct ResumePoint {
  int first_stage = 0;                        // those before it are done; all may be
  std::optional<CheckpointState> checkpoint;  // of that stage
};

// What the output folder allows: past the stages that have a valid result, from the furthest valid checkpoint
// of the first that has none. A broken result or checkpoint is logged and the one before taken. Rank 0
// decides, the others follow and read the same files. FAILED_PRECONDITION: the folder holds another job's
// results; UNAVAILABLE, reason PEER_LOST, on the other ranks when rank 0 failed.
absl::StatusOr<ResumePoint> AgreeOnResumePoint(const JobRun& run, const std::string& job_digest);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_RESUME_POINT_H_
