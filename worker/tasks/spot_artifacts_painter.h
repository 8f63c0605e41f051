#ifndef PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_PAINTER_H_
#define PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_PAINTER_H_

#include "worker/tasks/painting.h"

namespace pretext {

// The picture and, darkened, what is dropped of it; then the picture decoded whole and the repaired one, each
// with what the network takes it for.
PaintedRows PaintSpotArtifacts(const PaintRequest& request);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_SPOT_ARTIFACTS_PAINTER_H_
