#ifndef PRETEXT_WORKER_TASKS_ENLARGING_CONVOLUTIONS_H_
#define PRETEXT_WORKER_TASKS_ENLARGING_CONVOLUTIONS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/batch_norm.h"

namespace pretext {

// From a small map to a picture: as often as it takes nearest-neighbour enlargement to twice the side, 3 x 3
// convolution, batch-norm and ReLU, and a last 3 x 3 convolution (Odena et al. 2016, "Deconvolution and
// Checkerboard Artifacts").
class EnlargingConvolutions : public torch::nn::Module {
 public:
  // Pictures of side x side pixels. The first map is the smallest that halving the picture's side, rounded
  // up, gives without going below `first_side`.
  EnlargingConvolutions(int64_t first_side, int64_t side, int channels);

  int64_t first_side() const { return sides_.front(); }
  int first_width() const;  // channels of the first map

  // (B, first_width(), first_side(), first_side()) -> (B, channels, side, side).
  at::Tensor Forward(at::Tensor map);

 private:
  std::vector<int64_t> sides_;                   // of the maps, small to large
  std::vector<torch::nn::Conv2d> convolutions_;  // one after each enlargement
  std::vector<std::shared_ptr<GroupedBatchNorm>> norms_;
  torch::nn::Conv2d picture_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_ENLARGING_CONVOLUTIONS_H_
