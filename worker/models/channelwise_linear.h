#ifndef PRETEXT_WORKER_MODELS_CHANNELWISE_LINEAR_H_
#define PRETEXT_WORKER_MODELS_CHANNELWISE_LINEAR_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace pretext {

// The channel-wise fully connected layer of Pathak et al. 2016 ("Context Encoders"): every cell of a
// channel's map sees every other cell of that channel, and no other channel. channels * side^4 weights and
// channels * side^2 biases, where a fully connected layer between the maps would have channels times as many.
class ChannelwiseLinear : public torch::nn::Module {
 public:
  // Weights start uniform in +-1 / side, as those of a linear layer from side^2 inputs, from LibTorch's CPU
  // generator; biases likewise.
  ChannelwiseLinear(int64_t channels, int64_t side);

  // (B, channels, side, side) -> the same shape, contiguous.
  at::Tensor Forward(const at::Tensor& map);

  at::Tensor weight;  // (channels, side^2, side^2): of channel c, output cell i, input cell j
  at::Tensor bias;    // (channels, side^2)
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_CHANNELWISE_LINEAR_H_
