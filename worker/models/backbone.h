#ifndef PRETEXT_WORKER_MODELS_BACKBONE_H_
#define PRETEXT_WORKER_MODELS_BACKBONE_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "worker/models/turns.h"

namespace pretext {

struct BackboneOptions {
  std::string name = "resnet18";
  int in_channels = 3;
  bool small_stem = false;  // 3x3 stride 1 without pooling, for pictures of 64 pixels and less
  int bn_groups = 1;        // groups of *this rank's* batch that batch statistics are computed over
};

// A network from pictures to features. Parameter and buffer names are torchvision's, without `fc`.
// Input (N, C, H, W) float, normalised, channels-last memory; computing in bf16 under autocast is fine.
class BackboneModule : public torch::nn::Module {
 public:
  // One map a block, shallow to deep: {layer1, layer2, layer3, layer4}, each (N, C_i, H_i, W_i).
  std::vector<at::Tensor> Maps(const at::Tensor& images);
  // The deepest map, averaged over space: (N, feature_size()).
  at::Tensor Forward(const at::Tensor& images);

  // For whoever compares what the network makes of pictures that others show it. From Watch on pictures are
  // turned as they enter; TakeSeen ends that and returns the maps of the first pass since, turned back, with
  // gradient as the pass had it: empty when there was none. Between the two the maps stay in memory.
  void Watch(Turn turn = Turn::kNone);
  std::vector<at::Tensor> TakeSeen();

  virtual int feature_size() const = 0;
  // Channels of each of Maps().
  virtual std::vector<int> map_channels() const = 0;
  // Parameter groups for discriminative rates, shallow to deep, as prefixes of parameter names:
  // {"conv1.", "bn1.", "layer1.", "layer2."}, {"layer3.", "layer4."} for a ResNet (fastai's split).
  virtual std::vector<std::vector<std::string>> layer_groups() const = 0;
  virtual const BackboneOptions& options() const = 0;
  // Over how many groups of the batch the normalisation computes its statistics from now on.
  virtual void SetBatchNormGroups(int groups) = 0;

 protected:
  // What Maps returns.
  virtual std::vector<at::Tensor> MapsOf(const at::Tensor& images) = 0;

 private:
  bool watched_ = false;
  Turn turn_ = Turn::kNone;
  std::vector<at::Tensor> seen_;
};

// Shared ownership, as all LibTorch modules.
using Backbone = std::shared_ptr<BackboneModule>;

// The names MakeBackbone knows, with one line about each.
struct BackboneEntry {
  absl::string_view name;
  absl::string_view summary;
};
absl::Span<const BackboneEntry> Backbones();

// Fresh weights (Kaiming normal, fan out, as torchvision) from LibTorch's CPU generator, in channels-last
// memory. INVALID_ARGUMENT: unknown name; the message lists the known ones.
absl::StatusOr<Backbone> MakeBackbone(const BackboneOptions& options);

// A backbone of its own with the same options, weights, statistics and mode, on the CPU.
absl::StatusOr<Backbone> CopyBackbone(const BackboneModule& source);

// Copies every parameter and buffer by name. REQUIRES: both have the same names and shapes.
void CopyState(const torch::nn::Module& source, torch::nn::Module& target);

// A map (N, C, H, W) averaged over space: (N, C).
at::Tensor AveragePool(const at::Tensor& map);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_BACKBONE_H_
