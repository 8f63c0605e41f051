#ifndef PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_
#define PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_

#include <cstdint>

#include "absl/time/time.h"

namespace pretext {

// When the next checkpoint of a stage is due. Pure but for what it is told.
class CheckpointSchedule {
 public:
  // `every_steps` steps apart or, when 0, by time: a hundred times what one costs, within one and ten
  // minutes.
  CheckpointSchedule(int64_t every_steps, absl::Time now) : every_steps_(every_steps), last_(now) {}

  // After `step` steps of the stage.
  bool IsDue(int64_t step, absl::Time now) const;

  // One was taken; training stood still and a core was busy for `cost` together.
  void Taken(absl::Time now, absl::Duration cost);

 private:
  int64_t every_steps_;
  absl::Time last_;
  absl::Duration cost_ = absl::ZeroDuration();
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_CHECKPOINT_SCHEDULE_H_
