#ifndef PRETEXT_WORKER_TASKS_JIGSAW_PAINTER_H_
#define PRETEXT_WORKER_TASKS_JIGSAW_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// Each puzzle as it is shown, its order, the picture put together, and put together as the network says.
PaintedRows PaintJigsaw(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_JIGSAW_PAINTER_H_
