#ifndef PRETEXT_WORKER_TASKS_REGISTRY_H_
#define PRETEXT_WORKER_TASKS_REGISTRY_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pretext/v1/task.pb.h"
#include "worker/data/dataset.h"
#include "worker/data/open_dataset.h"
#include "worker/dist/process_group.h"
#include "worker/models/backbone.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// What a task may know of the stage it is part of. Pointers are not owned and outlive the task.
struct TaskContext {
  v1::TaskSpec spec;   // defaults filled in
  int image_size = 0;  // side of the square given to the network, pixels
  const Dataset* dataset = nullptr;
  const DatasetFacts* facts = nullptr;
  uint64_t seed = 0;         // of the job
  uint32_t stage = 0;        // index in the job
  int64_t global_batch = 0;  // of a micro-batch over all ranks
  int64_t steps = 0;         // of the stage
};

// What only the training side needs.
struct TrainContext {
  Backbone backbone{nullptr};  // shared by the stage's tasks
  ProcessGroup* process_group = nullptr;
  c10::Device device{c10::kCPU};
};

// One pretext task: a row of the table in registry.cc.
struct TaskEntry {
  v1::TaskSpec::TaskCase kind;
  absl::string_view name;     // that of the proto field
  absl::string_view summary;  // one line for `pretext tasks`
  absl::string_view needs;    // what data it wants, for people
  // OK, or why the task cannot work on this data: INVALID_ARGUMENT with the reason and what to do.
  absl::Status (*check)(const TaskContext& context);
  absl::StatusOr<std::unique_ptr<ViewBuilder>> (*make_view_builder)(const TaskContext& context);
  // Fresh weights are drawn from LibTorch's CPU generator, which the caller has seeded.
  absl::StatusOr<std::unique_ptr<PretextTask>> (*make_task)(const TaskContext& context,
                                                            const TrainContext& train);
};

absl::Span<const TaskEntry> Tasks();

// INVALID_ARGUMENT when the spec names no task.
absl::StatusOr<const TaskEntry*> FindTask(const v1::TaskSpec& spec);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_REGISTRY_H_
