#ifndef PRETEXT_WORKER_TASKS_JIGSAW_H_
#define PRETEXT_WORKER_TASKS_JIGSAW_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/task.pb.h"
#include "worker/tasks/permutation_set.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Jigsaw puzzles (Noroozi & Favaro 2016, "Unsupervised Learning of Visual Representations by Solving Jigsaw
// Puzzles"; occluded tiles: Noroozi et al. 2018, "Boosting Self-Supervised Learning via Knowledge Transfer"):
// a view is cut into grid x grid cells, of each cell a tile smaller by `gap` is taken at a random place, the
// tiles are shown in one of a fixed set of orders, and the network says which. Each tile passes the backbone
// alone; only the head sees them together.

// Sets grid, gap, channel_shift and permutations.
absl::StatusOr<std::vector<ResolvedField>> ResolveJigsaw(const TaskSizes& sizes, v1::TaskSpec* spec);

// INVALID_ARGUMENT: tiles would be too small.
absl::Status CheckJigsaw(const TaskContext& context);

// Fields, for T = grid * grid tiles of t pixels:
//   "tiles"     uint8 (T, t, t, channels)  in the order shown
//   "order"     int64 ()                   its number in the set
//   "occluded"  uint8 (T)                  1 where another picture's tile is put in its place
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeJigsawViewBuilder(const TaskContext& context);

// Loss: cross entropy over the set of orders, chance ln of their number. Metrics: accuracy. Predictions:
// (B, orders). Features: (B, D), the mean over a picture's tiles.
absl::StatusOr<std::unique_ptr<PretextTask>> MakeJigsaw(const TaskContext& context,
                                                        const TrainContext& train);

// The set of orders of a spec that has every value. Pure; takes a moment for thousands.
std::vector<TileOrder> JigsawOrders(const v1::JigsawSpec& spec);

// tiles (B, T, ...), occluded (B, T): where it is 1 the tile of the picture before, within each of `groups`
// equal parts of the batch; the first takes the last's. What batch-norm sees together stays together, so that
// one rank with G groups does what G ranks do.
at::Tensor OccludeTiles(const at::Tensor& tiles, const at::Tensor& occluded, int groups);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_JIGSAW_H_
