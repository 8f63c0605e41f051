#ifndef PRETEXT_WORKER_TRAIN_STEP_REPORT_H_
#define PRETEXT_WORKER_TRAIN_STEP_REPORT_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "worker/report/reporter.h"
#include "worker/train/step_values.h"
#include "worker/train/training_alarms.h"

namespace pretext {

struct StepReportOptions {
  std::string stage;
  int stage_index = 0;
  int stage_count = 1;
  int rank = 0;
  int64_t first_step = 0;
  int64_t steps = 0;
  int64_t steps_per_epoch = 1;
  int64_t batch_size = 0;  // global
  NamedNumbers constants;  // shown beside the readings: chance losses
  c10::Device device{c10::kCPU};
};

// Which steps of a stage report every metric and not only the loss: about a thousand of them, the same ones
// wherever the stage was interrupted.
bool IsDetailedStep(int64_t step, int64_t steps);

// Turns readings into metrics and progress. Metrics are "{stage}/{name}" at the step's number; the loss at
// every step, the others at detailed ones. Alarms become warnings. Training thread.
class StepReport {
 public:
  StepReport(const StepReportOptions& options, Reporter* reporter, Clock* clock);

  // Whether it was a detailed step.
  bool Add(const StepReading& reading);

  // The newest value of each metric.
  const std::map<std::string, double>& newest() const { return newest_; }

 private:
  void SetProgress(const StepReading& reading, absl::Time now);

  StepReportOptions options_;
  TrainingAlarms alarms_;
  Reporter* reporter_;
  Clock* clock_;
  absl::Time window_begin_;       // of the rates
  absl::Time progress_told_;      // when it was last
  int64_t window_step_;           // steps done when the window began
  double waited_seconds_ = 0;     // for data, in the window
  double seconds_per_step_ = 0;   // lately
  double images_per_second_ = 0;  // of the last whole window
  double data_wait_share_ = 0;    // likewise
  std::map<std::string, double> newest_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STEP_REPORT_H_
