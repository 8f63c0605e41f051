#ifndef PRETEXT_WORKER_TRAIN_JOB_RUN_H_
#define PRETEXT_WORKER_TRAIN_JOB_RUN_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <string>

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
  bool has_progress = false;  // the coordinator was told of a checkpoint or a finished stage
  c10::Device device{c10::kCPU};
  int threads = 1;       // that compute; given, or the node's share
  int data_threads = 1;  // that read and augment
  ProcessGroup* process_group = nullptr;
  Reporter* reporter = nullptr;
  Clock* clock = nullptr;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_JOB_RUN_H_
