#ifndef PRETEXT_WORKER_TASKS_MATCH_PAINTERS_H_
#define PRETEXT_WORKER_TASKS_MATCH_PAINTERS_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "worker/tasks/painting.h"

namespace pretext {

// Tasks that ask which picture a view is of: two looks at each picture, and with a task which of the sheet's
// pictures the first look is found most similar to, by the cosine of the backbone's features.

// The query's view and the key's.
PaintedRows PaintMoco(const PaintRequest& request);
// A view and one of another epoch, which is what the bank remembers.
PaintedRows PaintInstanceDiscrimination(const PaintRequest& request);
// The picture and its changed copy.
PaintedRows PaintPirl(const PaintRequest& request);

// For each row of `queries` (B, D) the most similar of `keys` (B, D), by cosine, and the cosines (B, B).
struct Matches {
  std::vector<int64_t> nearest;
  at::Tensor similarities;
};
Matches MatchRows(const at::Tensor& queries, const at::Tensor& keys);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_MATCH_PAINTERS_H_
