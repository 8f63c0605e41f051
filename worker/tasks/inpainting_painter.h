#ifndef PRETEXT_WORKER_TASKS_INPAINTING_PAINTER_H_
#define PRETEXT_WORKER_TASKS_INPAINTING_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// The picture with its hole, grey, the picture that is wanted, and the hole as it is filled.
PaintedRows PaintInpainting(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_INPAINTING_PAINTER_H_
