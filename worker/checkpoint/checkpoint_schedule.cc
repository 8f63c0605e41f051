#include "worker/checkpoint/checkpoint_schedule.h"

#include <algorithm>

namespace pretext {

bool CheckpointSchedule::IsDue(int64_t step, absl::Time now) const {
  if (every_steps_ > 0) return step % every_steps_ == 0;
  return now - last_ >= std::clamp(100 * cost_, absl::Minutes(1), absl::Minutes(10));
}

void CheckpointSchedule::Taken(absl::Time now, absl::Duration cost) {
  last_ = now;
  cost_ = cost;
}

}  // namespace pretext
