#ifndef PRETEXT_WORKER_TRAIN_RUN_JOB_H_
#define PRETEXT_WORKER_TRAIN_RUN_JOB_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/clock.h"
#include "worker/dist/process_group.h"
#include "worker/report/reporter.h"

namespace pretext {

// One rank's part of one attempt. Pointers are not owned.
struct JobRun {
  std::string job;   // jobs/{id}
  v1::JobSpec spec;  // defaults filled in, `output` set
  int32_t attempt = 1;
  int32_t ignore_checkpoints_up_to_attempt = 0;
  c10::Device device{c10::kCPU};
  int threads = 1;       // that compute; given, or the node's share
  int data_threads = 1;  // that read and augment
  ProcessGroup* process_group = nullptr;
  Reporter* reporter = nullptr;
  Clock* clock = nullptr;
};

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

#endif  // PRETEXT_WORKER_TRAIN_RUN_JOB_H_
