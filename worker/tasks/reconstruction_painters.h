#ifndef PRETEXT_WORKER_TASKS_RECONSTRUCTION_PAINTERS_H_
#define PRETEXT_WORKER_TASKS_RECONSTRUCTION_PAINTERS_H_

#include "worker/tasks/painting.h"

namespace pretext {

// The picture that goes in and is wanted back, and the one that comes back.
PaintedRows PaintAutoencoder(const PaintRequest& request);
// The damaged picture, the whole one, and the one that comes back.
PaintedRows PaintDenoising(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_RECONSTRUCTION_PAINTERS_H_
