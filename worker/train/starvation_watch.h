#ifndef PRETEXT_WORKER_TRAIN_STARVATION_WATCH_H_
#define PRETEXT_WORKER_TRAIN_STARVATION_WATCH_H_

#include <cstdint>

#include "absl/types/optional.h"
#include "pretext/v1/telemetry.pb.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Notices that training has spent more than two fifths of its time waiting for pictures in each of two half
// minutes in a row. Goes by data_wait_seconds. Pure but for what it has seen.
class StarvationWatch {
 public:
  // `data_threads` of a rank.
  explicit StarvationWatch(int data_threads) : data_threads_(data_threads) {}

  // `seconds`: since the reading before. What is settled, again each half minute that confirms it.
  absl::optional<v1::Alarm> Look(const StepReading& reading, double seconds);

 private:
  const int data_threads_;
  double waited_ = 0, passed_ = 0;  // seconds, in this window
  int starved_windows_ = 0;         // in a row
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STARVATION_WATCH_H_
