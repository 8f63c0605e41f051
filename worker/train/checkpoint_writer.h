#ifndef PRETEXT_WORKER_TRAIN_CHECKPOINT_WRITER_H_
#define PRETEXT_WORKER_TRAIN_CHECKPOINT_WRITER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "worker/report/reporter.h"
#include "worker/train/checkpoint.h"

namespace pretext {

// Writes checkpoints on a thread of its own and reports each once it is durable. At most one is being written
// and one waits; a newer one takes the place of the one that waits. Methods are the training thread's.
class CheckpointWriter {
 public:
  // `reporter` outlives it. `job`: jobs/{id}, for the checkpoints' names. `keep`: newest kept of a stage.
  CheckpointWriter(std::string job, std::string output, int keep, Reporter* reporter);
  ~CheckpointWriter();  // waits for what is being written

  // `state` is a Snapshot. Returns at once. The error of an earlier write, if one failed: the disk is full.
  absl::Status Write(CheckpointState state);
  // Returns when nothing waits or is being written, with the error of any that failed.
  absl::Status Flush();

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_CHECKPOINT_WRITER_H_
