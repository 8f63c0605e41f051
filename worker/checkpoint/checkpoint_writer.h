#ifndef PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_WRITER_H_
#define PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_WRITER_H_

#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "proto/cpp/clock.h"
#include "worker/checkpoint/checkpoint.h"
#include "worker/report/reporter.h"

namespace pretext {

// Writes checkpoints on a thread of its own, reports each once it is durable, and prunes. At most one is
// being written and one waits; a newer one of the same stage takes the place of the one that waits. Methods
// are the training thread's.
class CheckpointWriter {
 public:
  // `reporter` and `clock` outlive it. `job`: jobs/{id}, for the checkpoints' names. `keep`: newest kept of a
  // stage, at least 1.
  CheckpointWriter(std::string job, std::string output, int keep, Reporter* reporter, Clock* clock);
  ~CheckpointWriter();  // returns when nothing waits or is being written

  // `state` is a Snapshot; it is taken in any case. Returns at once, unless one of another stage waits: that
  // stage's last is not passed over. The error of an earlier write that has not been told yet: the disk is
  // full.
  absl::Status Write(CheckpointState state) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns when nothing waits or is being written, with the error of any that failed and was not told yet.
  absl::Status Flush() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status WriteOne(const CheckpointState& state);
  absl::Status TakeError() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string job_, output_;
  const int keep_;
  Reporter* const reporter_;
  Clock* const clock_;

  absl::Mutex mutex_;
  std::optional<CheckpointState> waiting_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);  // of the first failed write not told yet
  std::thread thread_;                          // last: it uses the others
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_WRITER_H_
