#ifndef PRETEXT_WORKER_TASKS_INSTANCE_DISCRIMINATION_H_
#define PRETEXT_WORKER_TASKS_INSTANCE_DISCRIMINATION_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Instance discrimination (Wu, Xiong, Yu & Lin 2018, "Unsupervised Feature Learning via Non-Parametric
// Instance Discrimination"): every picture is a class of its own; a view must be nearer to its picture's
// vector in a memory bank than to those of other pictures. The view's only field is "view", uint8 (side,
// side, channels).

// Sets negatives.
absl::StatusOr<std::vector<ResolvedField>> ResolveInstanceDiscrimination(const TaskSizes& sizes,
                                                                         v1::TaskSpec* spec);

// INVALID_ARGUMENT: there are no more pictures than negatives.
absl::Status CheckInstanceDiscrimination(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeInstanceDiscriminationViewBuilder(
    const TaskContext& context);

// Loss: noise contrast (worker/losses/noise_contrast.h), chance ln(1 + N) and with NCE about 1 more. Metrics:
// accuracy, positive_similarity, negative_similarity. No predictions.
absl::StatusOr<std::unique_ptr<PretextTask>> MakeInstanceDiscrimination(const TaskContext& context,
                                                                        const TrainContext& train);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_INSTANCE_DISCRIMINATION_H_
