#ifndef PRETEXT_WORKER_MODELS_MAP_SIDES_H_
#define PRETEXT_WORKER_MODELS_MAP_SIDES_H_

#include <cstdint>
#include <vector>

#include "worker/models/backbone.h"

namespace pretext {

// Side of each of the maps that `backbone`, on any device, makes of side x side pictures, shallow to deep.
// Changes nothing in it.
std::vector<int64_t> MapSides(BackboneModule& backbone, int side);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_MAP_SIDES_H_
