#ifndef PRETEXT_WORKER_TRAIN_STEP_REPORT_H_
#define PRETEXT_WORKER_TRAIN_STEP_REPORT_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "worker/report/reporter.h"
#include "worker/train/step_reading.h"
#include "worker/train/training_alarms.h"
#include "worker/train/training_observer.h"

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
  int data_threads = 1;    // of a rank
  NamedNumbers constants;  // shown beside the readings: chance losses
  c10::Device device{c10::kCPU};
};

// Turns readings into metrics and progress, and raises alarms. Metrics are "{stage}/{name}" at the step's
// number: the loss at every step, the others of a reading at detailed ones. Training thread.
class StepReport {
 public:
  StepReport(const StepReportOptions& options, Reporter* reporter, Clock* clock);

  // Whether it was a detailed step.
  bool Add(const StepReading& reading);

  // What was seen beside the training when `step` steps were done.
  void AddObservation(int64_t step, const Observation& seen);

  // The newest value of each metric.
  const std::map<std::string, double>& newest() const { return newest_; }

 private:
  // Metrics named within the stage, and marks of the alarms among them.
  void Tell(int64_t step, NamedNumbers metrics, const std::vector<v1::Alarm>& alarms);
  void MeasureRates(const StepReading& reading, absl::Time now);
  void SetProgress(const StepReading& reading, absl::Time now);

  StepReportOptions options_;
  TrainingAlarms alarms_;
  Reporter* reporter_;
  Clock* clock_;
  absl::Time read_;               // when the last reading came
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
