#ifndef PRETEXT_WORKER_TASKS_REGISTRY_H_
#define PRETEXT_WORKER_TASKS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pretext/v1/task.pb.h"
#include "worker/tasks/painting.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// One pretext task: a row of the table in registry.cc.
struct TaskEntry {
  v1::TaskSpec::TaskCase kind;
  absl::string_view name;     // that of the proto field
  absl::string_view summary;  // one line for `pretext tasks`
  absl::string_view needs;    // what data it wants, for people
  // Of the same, what a look at the data can tell: fewer pictures than this, or pictures without an up, make
  // it doubtful that the task teaches anything.
  int64_t fewest_pictures;
  bool wants_upright;
  // Sets what a spec with its defaults leaves open, and says what was chosen and why; paths are within the
  // task's message ("queue_length"). Pure; changes nothing the second time. INVALID_ARGUMENT: no value would
  // do for these sizes; says what to change.
  absl::StatusOr<std::vector<ResolvedField>> (*resolve)(const TaskSizes& sizes, v1::TaskSpec* spec);
  // OK, or why the task cannot work on this data: INVALID_ARGUMENT with the reason and what to do.
  absl::Status (*check)(const TaskContext& context);
  absl::StatusOr<std::unique_ptr<ViewBuilder>> (*make_view_builder)(const TaskContext& context);
  // Fresh weights are drawn from LibTorch's CPU generator, which the caller has seeded.
  absl::StatusOr<std::unique_ptr<PretextTask>> (*make_task)(const TaskContext& context,
                                                            const TrainContext& train);
  // Shows people what the network is asked and what it answers, and what to look for in it.
  PaintedRows (*paint)(const PaintRequest& request);
  absl::string_view look_for;
};

// The table, in the order of the proto's fields.
absl::Span<const TaskEntry> Tasks();

// INVALID_ARGUMENT when the spec names no task.
absl::StatusOr<const TaskEntry*> FindTask(const v1::TaskSpec& spec);

// The table for programs: a JSON array of {"name", "summary", "needs", "options": [{"name", "type"}]}, the
// options being the fields of the task's proto message.
std::string TasksAsJson();

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_REGISTRY_H_
