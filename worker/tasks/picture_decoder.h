#ifndef PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_
#define PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <memory>

#include "worker/tasks/enlarging_convolutions.h"

namespace pretext {

// From features to a picture through a short code: linear to the code, linear to a small map, then
// convolutions that enlarge it. Nothing goes around the code: a skip connection would let pictures through
// unlearnt.
class PictureDecoder : public torch::nn::Module {
 public:
  // Pictures of side x side pixels.
  PictureDecoder(int features, int code_size, int side, int channels);

  // (B, features) -> (B, channels, side, side).
  at::Tensor Forward(const at::Tensor& features);

 private:
  torch::nn::Linear code_, seed_;
  std::shared_ptr<EnlargingConvolutions> enlarge_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PICTURE_DECODER_H_
