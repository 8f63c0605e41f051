#ifndef PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_
#define PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pretext/v1/telemetry.pb.h"
#include "worker/train/collapse_watch.h"
#include "worker/train/ease_watch.h"
#include "worker/train/gradient_watch.h"
#include "worker/train/learning_watch.h"
#include "worker/train/starvation_watch.h"
#include "worker/train/step_reading.h"

namespace pretext {

struct TrainingAlarmsOptions {
  int64_t steps = 0;       // of the stage
  int64_t batch_size = 0;  // global
  int data_threads = 1;    // of a rank
  NamedNumbers constants;  // "chance_loss" and "{task}_chance_loss"
};

// Notices training that goes wrong though its loss looks harmless. Each alarm is raised once a kind and task,
// with what was seen and what to do next. Pure but for what it has seen; the same readings give the same
// alarms.
class TrainingAlarms {
 public:
  explicit TrainingAlarms(const TrainingAlarmsOptions& options);

  // What this reading has settled: kind, step, task, text and advice are set. `seconds`: since the reading
  // before.
  std::vector<v1::Alarm> Look(const StepReading& reading, double seconds);

 private:
  CollapseWatch collapse_;
  LearningWatch learning_;
  EaseWatch ease_;
  GradientWatch gradient_;
  StarvationWatch starvation_;
  std::set<std::pair<v1::Alarm::Kind, std::string>> raised_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_TRAINING_ALARMS_H_
