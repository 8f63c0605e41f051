#include "worker/models/channelwise_linear.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/empty.h>

namespace pretext {

ChannelwiseLinear::ChannelwiseLinear(int64_t channels, int64_t side) {
  const int64_t cells = side * side;
  const double bound = 1.0 / static_cast<double>(side);
  weight = register_parameter("weight", at::empty({channels, cells, cells}).uniform_(-bound, bound));
  bias = register_parameter("bias", at::empty({channels, cells}).uniform_(-bound, bound));
}

at::Tensor ChannelwiseLinear::Forward(const at::Tensor& map) {
  const at::Tensor by_channel = map.flatten(2).transpose(0, 1);  // (channels, B, cells)
  const at::Tensor mapped = at::baddbmm(bias.unsqueeze(1), by_channel, weight.transpose(1, 2));
  return mapped.transpose(0, 1).contiguous().view(map.sizes());
}

}  // namespace pretext
