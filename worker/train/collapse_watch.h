#ifndef PRETEXT_WORKER_TRAIN_COLLAPSE_WATCH_H_
#define PRETEXT_WORKER_TRAIN_COLLAPSE_WATCH_H_

#include <cstdint>
#include <string>

#include "absl/types/optional.h"
#include "pretext/v1/telemetry.pb.h"
#include "worker/train/chance_losses.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Notices that the features of all pictures have become the same, which a loss does not show: one that stays
// at a closed form may be that of a network which says the same of everything. Goes by feature_spread
// (per-dimension deviation of unit features times sqrt(d); Chen & He 2021, 4.1), either
//   - under 0.01 for 100 steps in a row, or
//   - under 0.05 for 50 steps in a row in which some loss stays at ln(outputs), -1 or 0.
// Pure but for what it has seen.
class CollapseWatch {
 public:
  explicit CollapseWatch(const ChanceLosses& chance) : chance_(chance) {}

  // What this reading has settled, again at every step that confirms it.
  absl::optional<v1::Alarm> Look(const StepReading& reading);

 private:
  // The loss that stays at a closed form; empty: none does.
  std::string PlateauOf(const StepReading& reading) const;

  const ChanceLosses chance_;
  int64_t same_steps_ = 0;  // in a row
  int64_t plateau_steps_ = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_COLLAPSE_WATCH_H_
