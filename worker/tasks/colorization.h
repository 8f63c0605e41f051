#ifndef PRETEXT_WORKER_TASKS_COLORIZATION_H_
#define PRETEXT_WORKER_TASKS_COLORIZATION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Colorization (Zhang, Isola & Efros 2016, "Colorful Image Colorization"): from a picture's lightness
// predict, for every fourth pixel, a distribution over 313 colours. Fields: see ColorizationViewBuilder. The
// method LARSSON predicts hue and chroma at drawn points: all that is said of it is in point_colorization.h.

// Sets LARSSON's window.
absl::StatusOr<std::vector<ResolvedField>> ResolveColorization(const TaskSizes& sizes, v1::TaskSpec* spec);
// INVALID_ARGUMENT: the pictures are grey.
absl::Status CheckColorization(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeColorizationViewBuilder(const TaskContext& context);

// Reads prior_samples pictures, shared out over the ranks, to measure how often each colour occurs.
// INVALID_ARGUMENT: none of them has any colour.
//
// The network's input is LightnessInput.
//
// Loss: the mean over all cells of the soft cross entropy times the weight of the cell's nearest colour
// (Zhang et al., eq. 2 and 4; the weight scales value and gradient alike); cells of grey pictures count as
// zero. Chance is ln 313 times what cells weigh on average in the pictures looked at. Metrics: cross_entropy
// (over cells of coloured pictures, unweighted: chance is ln 313 exactly), accuracy (the most probable colour
// is the nearest one; over the same cells), colorful_share (of the pictures). Predictions: (B, 313, C, C)
// logits. Features: (B, D).
absl::StatusOr<std::unique_ptr<PretextTask>> MakeColorization(const TaskContext& context,
                                                              const TrainContext& train);

// What a look at the data found.
struct ColorCounts {
  std::vector<int64_t> cells;  // of the 313 bins: cells of coloured pictures that are nearest to it
  int64_t pictures = 0;        // read
  int64_t colorful = 0;        // of these, those with any colour
};

// Counts over `samples` pictures spread evenly over the data set; unreadable ones are left out. Every rank
// looks at its share and gets the counts of all. Errors are the process group's.
absl::StatusOr<ColorCounts> CountColors(const Dataset& dataset, int64_t samples, int side,
                                        const TrainContext& train);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLORIZATION_H_
