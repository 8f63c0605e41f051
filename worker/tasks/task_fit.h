#ifndef PRETEXT_WORKER_TASKS_TASK_FIT_H_
#define PRETEXT_WORKER_TASKS_TASK_FIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/data.pb.h"
#include "worker/data/open_dataset.h"

namespace pretext {

// Whether a task's exercise is one on these pictures, before anything is trained.
enum class Fit { kYes, kDoubtful, kRefused };

struct TaskFit {
  absl::string_view task;  // its name in the registry
  Fit fit = Fit::kYes;
  std::string why;  // empty for kYes
};

struct DataFit {
  DatasetFacts facts;
  std::vector<TaskFit> tasks;  // all of the registry, in its order
};

// Looks at the pictures that `data` names and judges every task with its defaults. `image_size` as a stage's:
// 0 takes the default for these pictures. Errors are OpenPictures'.
absl::StatusOr<DataFit> FitTasks(const v1::DataSpec& data, int image_size);

// For programs: {"data": {...}, "tasks": [{"name", "fits": "yes" | "doubtful" | "no", "why"}]}.
std::string DataFitAsJson(const DataFit& fit);

// How surely the pictures have an up that brightness shows: the mean difference between the brightness of
// their upper and lower halves, over its standard error. Below 3 it could be chance.
double UprightEvidence(const std::vector<double>& differences);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_TASK_FIT_H_
