#ifndef PRETEXT_WORKER_TASKS_ROTATION_PAINTER_H_
#define PRETEXT_WORKER_TASKS_ROTATION_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// The four turns of each picture, by how much they were turned, and by how much the network says.
PaintedRows PaintRotation(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_ROTATION_PAINTER_H_
