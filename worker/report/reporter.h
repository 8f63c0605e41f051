#ifndef PRETEXT_WORKER_REPORT_REPORTER_H_
#define PRETEXT_WORKER_REPORT_REPORTER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// Where a rank tells what it does. No method waits for the network; all are safe from any thread.
class Reporter {
 public:
  virtual ~Reporter() = default;

  // The stage begins, or goes on after its step `step` (0: from the start). Points of this stage with a later
  // step come from an earlier attempt and are superseded.
  virtual void BeginStage(const std::string& stage, int64_t step) = 0;
  // Replaces what was said before about how far the rank is.
  virtual void SetProgress(const v1::Progress& progress) = 0;
  // Scalars of one step, named as TensorBoard shows them ("pretrain/loss"). Only rank 0 calls this.
  virtual void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) = 0;
  virtual void Log(v1::LogLine::Severity severity, const std::string& text) = 0;
  // The checkpoint is durable and valid. Only rank 0.
  virtual void AddCheckpoint(const v1::Checkpoint& checkpoint) = 0;
  // The stage's training goes wrong. `alarm` has kind, stage, step, text, advice and, if it is of one, the
  // task. At most once a stage, kind and task in an attempt. Only rank 0.
  virtual void AddAlarm(const v1::Alarm& alarm) = 0;
  virtual void FinishStage(const std::string& stage) = 0;

  // True once the rank has been asked to checkpoint and stop (SIGTERM or the coordinator's word), or
  // its attempt is over. Asked every step.
  virtual bool stop_requested() const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_REPORTER_H_
