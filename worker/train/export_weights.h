#ifndef PRETEXT_WORKER_TRAIN_EXPORT_WEIGHTS_H_
#define PRETEXT_WORKER_TRAIN_EXPORT_WEIGHTS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/models/backbone.h"
#include "worker/models/weights.h"

namespace pretext {

// What a classifier adds to its backbone's weights.
struct ExportedHead {
  StateDict tensors;                 // by the names they are to have: "head.8.weight", "fc.weight"
  std::vector<std::string> classes;  // in the order of its outputs
};

// Writes exported/{stage}.safetensors, with the head if there is one, and exported/backbone.safetensors, the
// newest backbone of the job. Returns the first one's path relative to `output`: the second is replaced by
// later stages. Each appears whole or not at all. UNAVAILABLE, RESOURCE_EXHAUSTED.
absl::StatusOr<std::vector<std::string>> ExportStage(const std::string& output, const std::string& stage,
                                                     const BackboneModule& backbone, const WeightsCard& card,
                                                     const ExportedHead& head = {});

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_EXPORT_WEIGHTS_H_
