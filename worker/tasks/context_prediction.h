#ifndef PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_H_
#define PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_H_

#include <array>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "worker/data/rng.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Context prediction (Doersch, Gupta & Efros 2015, "Unsupervised Visual Representation Learning by Context
// Prediction"): of a view's 3 x 3 patches, with gaps between them and jitter, the network sees two neighbours
// and says on which of eight sides the second lies. Each patch passes the backbone once and stands in all its
// pairs; only the head sees two together.

// Sets patch, gap and jitter.
absl::StatusOr<std::vector<ResolvedField>> ResolveContextPrediction(const TaskSizes& sizes,
                                                                    v1::TaskSpec* spec);

// INVALID_ARGUMENT: the patches do not fit.
absl::Status CheckContextPrediction(const TaskContext& context);

// The only field is "patches", float (9, p, p, channels), row by row, each with mean 0 and mean square 1.
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeContextPredictionViewBuilder(const TaskContext& context);

// Loss: cross entropy over the 40 pairs of each picture, chance ln 8. Metrics: accuracy. Predictions:
// (B, 8, 40), the pairs by NeighbourPairs(). Features: (B, D), the mean over a picture's patches.
absl::StatusOr<std::unique_ptr<PretextTask>> MakeContextPrediction(const TaskContext& context,
                                                                   const TrainContext& train);

// Two of nine patches, numbered row by row, and the side of `first` on which `second` lies: 0 1 2 above, 3
// left, 4 right, 5 6 7 below.
struct NeighbourPair {
  int first = 0, second = 0, side = 0;
};

// All 40 ordered pairs of patches that touch each other's gap, by first, then by side.
std::vector<NeighbourPair> NeighbourPairs();

// What is left of a patch's colours. `patch` is pixels * channels values in grey levels.
// Drop: one channel stays, less its mean, and noise of up to half a grey level takes the others' place.
void DropColors(int kept, Rng& rng, absl::Span<float> patch);
// Project: the axis from green to magenta, along which lenses spread colours, is taken out.
void ProjectColors(absl::Span<float> patch);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_CONTEXT_PREDICTION_H_
