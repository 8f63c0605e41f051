#ifndef PRETEXT_WORKER_AUGMENT_GRAY_H_
#define PRETEXT_WORKER_AUGMENT_GRAY_H_

#include "worker/augment/planes.h"
#include "worker/augment/simd.h"

namespace pretext {

// Luma of ITU-R BT.601, as PIL and torchvision take it.
constexpr float kRedLuma = 0.299f;
constexpr float kGreenLuma = 0.587f;
constexpr float kBlueLuma = 0.114f;

// Turns three planes into one, their luma. One plane stays as it is.
void ToGray(Planes* planes, Simd simd = BestSimd());

}  // namespace pretext

#endif  // PRETEXT_WORKER_AUGMENT_GRAY_H_
