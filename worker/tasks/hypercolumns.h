#ifndef PRETEXT_WORKER_TASKS_HYPERCOLUMNS_H_
#define PRETEXT_WORKER_TASKS_HYPERCOLUMNS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/batch_norm.h"

namespace pretext {

// The values of a map at points of the picture that it was made from: map (B, C, H, W), points (B, P, 2)
// int64, row and column of whole pixels of a side x side picture -> (B, P, C) float. Bilinear, as if the map
// were enlarged to side x side (at::upsample_bilinear2d without aligned corners) and read there; the enlarged
// map is never made.
at::Tensor SampleAtPoints(const at::Tensor& map, const at::Tensor& points, int64_t side);

// Hypercolumns (Hariharan et al. 2015; for colours: Larsson, Maire & Shakhnarovich 2016): what all layers say
// at one place, from edges to things. Each layer's share is brought to E[x^2] = 1 a channel by a batch-norm
// that learns nothing, so that none drowns the others.
class Hypercolumns : public torch::nn::Module {
 public:
  // `channels` of each of the maps that Forward gets.
  explicit Hypercolumns(const std::vector<int>& channels);

  // maps[i] (B, C_i, H_i, W_i) of a side x side picture, points (B, P, 2) -> (B * P, size()), in fp32.
  at::Tensor Forward(const std::vector<at::Tensor>& maps, const at::Tensor& points, int64_t side);

  int64_t size() const { return size_; }  // the sum of the channels

 private:
  int64_t size_ = 0;
  std::vector<std::shared_ptr<GroupedBatchNorm>> norms_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_HYPERCOLUMNS_H_
