#ifndef PRETEXT_WORKER_STAGES_RUN_JOB_H_
#define PRETEXT_WORKER_STAGES_RUN_JOB_H_

#include "absl/status/status.h"
#include "worker/train/job_run.h"

namespace pretext {

// Runs the job's stages in order on this rank, from its newest valid checkpoint if there is one. Rank 0
// writes the output folder. Training thread; returns when the rank is done:
//   OK                  all stages are finished and their results durable
//   CANCELLED           asked to stop (Reporter::stop_requested): the state is checkpointed
//   INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION   the job cannot work as written; says what to change
//   DATA_LOSS           the data cannot be used
//   ABORTED, reason NON_FINITE     loss or gradient; names step, value and the first parameters that went bad
//   UNAVAILABLE, reason PEER_LOST  another rank is gone; else a file system or service is
//   RESOURCE_EXHAUSTED  memory or disk
//   INTERNAL            a fault of the program
absl::Status RunJob(const JobRun& run);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_RUN_JOB_H_
