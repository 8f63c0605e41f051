#ifndef PRETEXT_WORKER_TRAIN_STEP_VALUES_H_
#define PRETEXT_WORKER_TRAIN_STEP_VALUES_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "worker/dist/process_group.h"
#include "worker/train/objective.h"
#include "worker/train/step_reading.h"

namespace pretext {

// Brings the numbers of each step from all ranks to all ranks, in one message a step, and from the device to
// this thread. All ranks see the same readings at the same step, so what follows from one is the same on all.
// Training thread.
class StepValues {
 public:
  // Not owned. On a device other than the CPU readings come a step late, so that no step waits until the
  // device is done.
  StepValues(ProcessGroup* group, c10::Device device);

  // The numbers of `step`, which other ranks add too; `averaged` are replaced by their means on the way.
  // Errors are the group's.
  absl::Status Add(int64_t step, const NamedScalars& on_device, const NamedNumbers& on_host, bool stop,
                   const std::vector<at::Tensor>& averaged);

  // The oldest step not yet read, if it is time to read it.
  std::optional<StepReading> Take();
  // The oldest step not yet read, if any, waiting for it.
  std::optional<StepReading> TakeNow();

 private:
  struct Waiting {
    int64_t step;
    std::vector<std::string> names;
    at::Tensor numbers;  // on the CPU once `copied` has happened; the last is the wish to stop
    std::optional<c10::Event> copied;
  };

  ProcessGroup* group_;
  c10::Device device_;
  std::deque<Waiting> waiting_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_STEP_VALUES_H_
