#ifndef PRETEXT_WORKER_TRAIN_EASE_WATCH_H_
#define PRETEXT_WORKER_TRAIN_EASE_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pretext/v1/telemetry.pb.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Notices a pretext task that is solved, to more than 95 % and for 50 steps at least, within the first tenth
// of the stage: too easy a task teaches little, and it may be solved by a shortcut. Pure but for what it has
// seen.
class EaseWatch {
 public:
  explicit EaseWatch(int64_t steps) : steps_(steps) {}

  // What this reading has settled, a task's again at every step that confirms it.
  std::vector<v1::Alarm> Look(const StepReading& reading);

 private:
  const int64_t steps_;                     // of the stage
  std::map<std::string, double> accuracy_;  // smoothed, by metric
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_EASE_WATCH_H_
