#ifndef PRETEXT_WORKER_MODELS_WEIGHTS_H_
#define PRETEXT_WORKER_MODELS_WEIGHTS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/models/backbone.h"

namespace pretext {

// Every parameter and buffer of a module by its full name. Shares the module's memory.
using StateDict = std::map<std::string, at::Tensor>;
StateDict MakeStateDict(const torch::nn::Module& module);

// What became of each name when weights were loaded. Nothing is dropped silently: show Summary().
struct WeightsReport {
  std::string prefix;                   // that the file's names carry: "module.encoder_q."
  std::vector<std::string> loaded;      // the backbone's names, sorted, as are all lists
  std::vector<std::string> missing;     // the backbone has them, the file does not (or of another shape)
  std::vector<std::string> unexpected;  // the file's names that nothing was done with; heads included
  std::vector<std::string> mismatched;  // "conv1.weight: (64, 3, 7, 7) in the file, (16, 1, 3, 3) here"
  std::vector<std::string> fresh;       // the backbone's of blocks that were not asked for
  std::vector<std::string> left_out;    // the file's of those blocks
  std::vector<std::string> layers;      // the blocks asked for; empty: all
  std::string adapted;                  // how the first convolution was fitted to the channels; or empty

  // Whether parameters or running statistics keep what they were before: worth a warning.
  bool is_partial() const;
  std::string Summary() const;  // one line for a log
};

// Copies a state dict with torchvision's names into a backbone, on its device. Names may carry a prefix of
// well-known parts (module., backbone., encoder_q., ...); where several fit, the one most names match. The
// first convolution is fitted to the backbone's channels as fastai does: 3 -> 1 sums the filters, 3 -> 2
// takes two times 1.5, 3 -> more leaves the further ones zero; 1 -> n repeats the filter divided by n.
// `source` names the weights in messages. INVALID_ARGUMENT, backbone unchanged: under 95 % of the backbone's
// parameters are there; the message lists examples of what is missing and of what the file has. So too where
// the stem is asked for and the file has another kind of it (timm's resnet18d has three convolutions); its
// other names are torchvision's. `layers`: only these blocks, of stem (conv1, bn1), layer1 .. layer4; the
// rest stays as it is. Empty: all.
absl::StatusOr<WeightsReport> LoadBackboneWeights(const StateDict& state, absl::string_view source,
                                                  BackboneModule& backbone,
                                                  const std::vector<std::string>& layers = {});

// What must travel with weights to use them: written beside them as metadata.
struct WeightsCard {
  BackboneOptions backbone;       // name, in_channels, small_stem
  std::vector<double> mean, std;  // of each channel, of values scaled to 0 .. 1
  int image_size = 0;             // pixels
  std::string weights = "raw";    // or "ema"
  std::string task;               // what they were trained on: "moco+rotation", "classify"
  std::string job_digest;         // SHA-256 of the job's specification

  std::map<std::string, std::string> ToMetadata() const;
};

// INVALID_ARGUMENT when the metadata are not a card's, naming the key that is missing or malformed.
absl::StatusOr<WeightsCard> ParseWeightsCard(const std::map<std::string, std::string>& metadata);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_WEIGHTS_H_
