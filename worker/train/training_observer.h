#ifndef PRETEXT_WORKER_TRAIN_TRAINING_OBSERVER_H_
#define PRETEXT_WORKER_TRAIN_TRAINING_OBSERVER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "pretext/v1/telemetry.pb.h"
#include "worker/train/step_reading.h"

namespace pretext {

// What an observer has found; only rank 0's is told.
struct Observation {
  NamedNumbers metrics;           // named within the stage: "probe_knn"
  std::vector<v1::Alarm> alarms;  // with kind, step, text and advice
};

// Looks on while a stage trains. Changes nothing about it: no weight, statistic or mode, and takes no draw.
// Training thread, on all ranks of a gang alike, so that it may speak to the others. CANCELLED, on all ranks:
// some rank was asked to stop. Other errors end the training.
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;

  // Training begins or goes on; `first_step` steps are done. What was found after that step is told again, as
  // a stop may have come between.
  virtual absl::StatusOr<Observation> Begin(int64_t first_step) = 0;
  // `done` steps are done, and the step is not saved yet.
  virtual absl::StatusOr<Observation> AfterStep(int64_t done) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_TRAINING_OBSERVER_H_
