#ifndef PRETEXT_WORKER_STAGES_INITIAL_WEIGHTS_H_
#define PRETEXT_WORKER_STAGES_INITIAL_WEIGHTS_H_

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job.pb.h"
#include "worker/models/backbone.h"
#include "worker/models/weights.h"

namespace pretext {

// What a stage starts from, read before its network is made.
struct InitialWeights {
  std::string source;  // for people: "the weights of stage pretrain (/out/exported/pretrain.safetensors)"
  StateDict tensors;   // empty: fresh random weights
  std::vector<std::string> layers;  // the blocks to take of them; empty: all
  std::optional<WeightsCard> card;  // files of other programs have none

  bool is_random() const { return tensors.empty(); }
};

// What `stage` of the job, whose output folder is the spec's, starts from. An evaluating stage passes on what
// it started from itself. NOT_FOUND, DATA_LOSS: no such file, or it is broken; the message says which.
absl::StatusOr<InitialWeights> FindInitialWeights(const v1::JobSpec& spec, int stage);

// The network that `spec` names or the weights fit, with their channels and stem where they say so.
// INVALID_ARGUMENT: the weights fit none; says what to set. `in_channels` is the data's.
absl::StatusOr<BackboneOptions> ChooseBackbone(const InitialWeights& weights, const v1::BackboneSpec& spec,
                                               int in_channels);

struct InitialBackbone {
  Backbone backbone;
  std::string summary;      // one line for the log
  bool is_partial = false;  // the weights lack some that were asked for, which stay fresh: worth a warning
  nlohmann::ordered_json found;  // the same for a stage's result: what was loaded, what not, and why
};

// Makes it on `device` and loads the weights. Random ones follow from (seed, stage) alone.
absl::StatusOr<InitialBackbone> MakeInitialBackbone(const InitialWeights& weights,
                                                    const BackboneOptions& options, uint64_t seed, int stage,
                                                    c10::Device device);

// Seeds LibTorch's CPU generator for fresh weights of a part of a stage: 0 is the backbone, a task's number
// in the proto its heads. So no part's weights depend on which others there are.
void SeedFreshWeights(uint64_t seed, int stage, int part);
// The seed itself, for parts that draw otherwise.
uint64_t PartSeed(uint64_t seed, int stage, int part);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_INITIAL_WEIGHTS_H_
