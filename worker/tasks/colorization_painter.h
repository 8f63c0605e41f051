#ifndef PRETEXT_WORKER_TASKS_COLORIZATION_PAINTER_H_
#define PRETEXT_WORKER_TASKS_COLORIZATION_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// The grey picture, the colours that are wanted, as the network is told them, and the grey picture in the
// colours that it answers.
PaintedRows PaintColorization(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLORIZATION_PAINTER_H_
