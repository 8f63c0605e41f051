#ifndef PRETEXT_WORKER_TASKS_PIRL_H_
#define PRETEXT_WORKER_TASKS_PIRL_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Pretext-invariant representation learning (Misra & van der Maaten 2020, "Self-Supervised Learning of
// Pretext-Invariant Representations"): instead of saying how a picture was changed, the network must find
// picture and changed copy alike. Both are compared with the picture's vector in a memory bank, against those
// of other pictures.

// Sets negatives, grid and gap.
absl::StatusOr<std::vector<ResolvedField>> ResolvePirl(const TaskSizes& sizes, v1::TaskSpec* spec);

// INVALID_ARGUMENT: there are no more pictures than negatives, or tiles would be too small.
absl::Status CheckPirl(const TaskContext& context);

// Fields:
//   "picture"  uint8 (side, side, channels)
//   "copy"     of another view: uint8 (T, t, t, channels), its T tiles in any order, or, turned,
//              uint8 (1, side, side, channels)
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakePirlViewBuilder(const TaskContext& context);

// Loss: copy_share times the copy's noise contrast and the rest times the picture's. Chance is that of one of
// them. Metrics: accuracy and positive_similarity of the copy, picture_accuracy, negative_similarity. No
// predictions. Features: the picture's.
absl::StatusOr<std::unique_ptr<PretextTask>> MakePirl(const TaskContext& context, const TrainContext& train);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PIRL_H_
