#ifndef PRETEXT_WORKER_MODELS_RESNET_H_
#define PRETEXT_WORKER_MODELS_RESNET_H_

#include <array>

#include "worker/models/backbone.h"

namespace pretext {

// What distinguishes one ResNet (He et al. 2016) from another.
struct ResNetShape {
  std::array<int, 4> blocks;  // of each stage
  bool bottleneck = false;    // 1x1, 3x3, 1x1 blocks, four times as wide outside (ResNet-50)
  int width = 64;             // channels of the stem; each stage doubles them
};

// A ResNet with torchvision's architecture ("v1.5": a bottleneck strides on its 3x3 convolution), names and
// initialisation. The small stem is 3x3 stride 1 without pooling.
Backbone MakeResNet(const ResNetShape& shape, const BackboneOptions& options);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_RESNET_H_
