#include "worker/models/map_sides.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace pretext {

// In evaluation mode, which moves no statistics.
std::vector<int64_t> MapSides(BackboneModule& backbone, int side) {
  at::NoGradGuard no_grad;
  const bool was_training = backbone.is_training();
  backbone.eval();
  const at::Tensor blank = at::zeros({1, backbone.options().in_channels, side, side},
                                     backbone.parameters().front().options().requires_grad(false));
  std::vector<int64_t> sides;
  for (const at::Tensor& map : backbone.Maps(blank)) sides.push_back(map.size(2));
  backbone.train(was_training);
  return sides;
}

}  // namespace pretext
