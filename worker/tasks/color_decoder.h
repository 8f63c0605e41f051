#ifndef PRETEXT_WORKER_TASKS_COLOR_DECODER_H_
#define PRETEXT_WORKER_TASKS_COLOR_DECODER_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/models/batch_norm.h"

namespace pretext {

// A light dense head: scores for every cell of a map from a backbone's maps. Each map is brought to one width
// by a 1x1 convolution; from the deepest on they are enlarged bilinearly and added (Lin et al. 2017, "Feature
// Pyramid Networks"); a 3x3 convolution with batch-norm and a 1x1 convolution give the scores. Using several
// depths, as Larsson et al. 2016 do, lets the trunk keep deep features coarse. Maps finer than the cells are
// not used.
class ColorDecoder : public torch::nn::Module {
 public:
  // Looks at the maps that `backbone`, on any device, makes of side x side pictures; changes nothing in it.
  // `cells` is the side of the output, `scores` its channels.
  ColorDecoder(BackboneModule& backbone, int side, int cells, int scores);

  // All of the backbone's maps -> (B, scores, cells, cells).
  at::Tensor Forward(const std::vector<at::Tensor>& maps);

 private:
  int cells_;
  size_t first_map_;                         // the shallowest one used
  std::vector<torch::nn::Conv2d> laterals_;  // of maps first_map_ ...
  torch::nn::Conv2d smooth_, score_;
  std::shared_ptr<GroupedBatchNorm> norm_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLOR_DECODER_H_
