#ifndef PRETEXT_WORKER_TASKS_TASK_CONTEXT_H_
#define PRETEXT_WORKER_TASKS_TASK_CONTEXT_H_

#include <c10/core/Device.h>

#include <cstdint>

#include "pretext/v1/task.pb.h"
#include "worker/data/dataset.h"
#include "worker/data/open_dataset.h"
#include "worker/dist/process_group.h"
#include "worker/models/backbone.h"

namespace pretext {

// What the last of a task's defaults follow from.
struct TaskSizes {
  int image_size = 0;            // side of the square given to the network, pixels
  int64_t pictures = 0;          // of the data set
  int64_t micro_batch_size = 0;  // pictures forwarded at once, over all ranks
  int64_t steps = 0;             // of the stage
};

// What a task may know of the stage it is part of. Pointers are not owned and outlive the task.
struct TaskContext {
  v1::TaskSpec spec;   // every value set: defaults, then what the task resolved
  int image_size = 0;  // side of the square given to the network, pixels
  const Dataset* dataset = nullptr;
  const DatasetFacts* facts = nullptr;
  uint64_t seed = 0;             // of the job
  uint32_t stage = 0;            // index in the job
  int64_t micro_batch_size = 0;  // pictures forwarded at once, over all ranks
  int64_t steps = 0;             // of the stage
};

// What only the training side needs.
struct TrainContext {
  Backbone backbone{nullptr};  // shared by the stage's tasks, already on `device`
  ProcessGroup* process_group = nullptr;
  c10::Device device{c10::kCPU};
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_TASK_CONTEXT_H_
