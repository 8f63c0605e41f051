#ifndef PRETEXT_WORKER_TRAIN_GRADIENT_WATCH_H_
#define PRETEXT_WORKER_TRAIN_GRADIENT_WATCH_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "pretext/v1/telemetry.pb.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Notices gradients that vanish (a norm under 1e-7 for 50 steps in a row) or explode (for 20 steps in a row a
// hundred times the norm's usual size, which is its geometric mean over the stage so far, once 50 steps have
// made one; or over 10,000). Goes by gradient_norm, before clipping. Pure but for what it has seen.
class GradientWatch {
 public:
  // What this reading has settled, again at every step that confirms it.
  absl::optional<v1::Alarm> Look(const StepReading& reading);

 private:
  int64_t dead_steps_ = 0;      // in a row
  int64_t exploded_steps_ = 0;  // in a row
  int64_t usual_steps_ = 0;     // that made the usual size
  double log_sum_ = 0;          // of their norms
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_GRADIENT_WATCH_H_
