#ifndef PRETEXT_WORKER_TASKS_PIXEL_STATISTICS_H_
#define PRETEXT_WORKER_TASKS_PIXEL_STATISTICS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/dataset.h"
#include "worker/tasks/task_context.h"

namespace pretext {

// Mean and standard deviation of each channel of a data set, in grey levels.
struct PixelStatistics {
  std::vector<double> mean;
  std::vector<double> deviation;  // at least 1, so that it can be divided by
};

// Looks at `samples` pictures spread evenly over the set, each as evaluation sees it (RenderCenter, `side`
// pixels); the ranks share them, and all find the same. Pictures that cannot be read are passed over.
// INVALID_ARGUMENT: none can be read. Else errors of the process group.
absl::StatusOr<PixelStatistics> MeasurePixels(const Dataset& dataset, int64_t samples, int side,
                                              const TrainContext& train);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PIXEL_STATISTICS_H_
