#ifndef PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_
#define PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "worker/models/batch_norm.h"

namespace pretext {

// From features to a picture through a short code: linear to the code, linear to a small map, then as often
// as it takes nearest-neighbour enlargement to twice the side, 3 x 3 convolution, batch-norm and ReLU, and a
// last 3 x 3 convolution (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts"). Nothing goes around
// the code: a skip connection would let pictures through unlearnt.
class PictureDecoder : public torch::nn::Module {
 public:
  // Pictures of side x side pixels.
  PictureDecoder(int features, int code_size, int side, int channels);

  // (B, features) -> (B, channels, side, side).
  at::Tensor Forward(const at::Tensor& features);

 private:
  std::vector<int64_t> sides_;  // of the maps, small to large
  torch::nn::Linear code_, seed_;
  std::vector<torch::nn::Conv2d> convolutions_;  // one after each enlargement
  std::vector<std::shared_ptr<GroupedBatchNorm>> norms_;
  torch::nn::Conv2d picture_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_
