#ifndef PRETEXT_WORKER_TRAIN_LEARNING_WATCH_H_
#define PRETEXT_WORKER_TRAIN_LEARNING_WATCH_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pretext/v1/telemetry.pb.h"
#include "worker/train/chance_losses.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Notices a loss that stays within a thousandth of what a network has that knows nothing. Some tasks stay
// there for tens of thousands of pictures and then learn (jigsaw), so the patience is in pictures: 50,000, at
// most half of the stage's, and never fewer than 200 steps, in a row. Pure but for what it has seen.
class LearningWatch {
 public:
  // `steps` of `batch_size` pictures make the stage.
  LearningWatch(int64_t steps, int64_t batch_size, const ChanceLosses& chance);

  // What this reading has settled, a task's again at every step that confirms it.
  std::vector<v1::Alarm> Look(const StepReading& reading);

 private:
  const int64_t batch_size_;
  const ChanceLosses chance_;
  int64_t patience_;                      // steps
  std::map<std::string, int64_t> steps_;  // in a row at chance, by loss
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_LEARNING_WATCH_H_
