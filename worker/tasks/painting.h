#ifndef PRETEXT_WORKER_TASKS_PAINTING_H_
#define PRETEXT_WORKER_TASKS_PAINTING_H_

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/image.h"
#include "worker/sheets/tile.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/task_context.h"

namespace pretext {

// What a task's painter is given: a few examples, on the CPU, and what it may be asked about them.
struct PaintRequest {
  const TaskContext* context = nullptr;
  const Batch* batch = nullptr;  // of the task's fields
  const Batch* again = nullptr;  // the same pictures, drawn for another epoch
  // Trained, in evaluation mode, on the CPU; its Answer alone may be called. Null: there is none, and what
  // the network is asked is shown without answers.
  PretextTask* task = nullptr;
};

// A painter shows people what the network is asked, and with a task what it answers: one row a picture of the
// batch. Without gradient. Errors are those of asking the task.
using PaintedRows = absl::StatusOr<std::vector<TileRow>>;

// (H, W, C) uint8, or float in grey levels, which are rounded and kept within 0 .. 255.
Image PictureOf(const at::Tensor& picture);

// tiles (T, H, W, C), T a square number, as one picture, row by row with light lines between; a tile of
// `marked` has a dark frame.
Image MosaicOf(const at::Tensor& tiles, const std::vector<int>& marked = {});

// 0.875 -> "88 %".
std::string ShareText(double share);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PAINTING_H_
