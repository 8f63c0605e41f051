#ifndef PRETEXT_WORKER_MODELS_TURNS_H_
#define PRETEXT_WORKER_MODELS_TURNS_H_

#include <ATen/core/Tensor.h>

namespace pretext {

// What a square picture can be turned by without interpolation. Quarters go counter-clockwise.
enum class Turn { kNone, kFlip, kQuarter, kHalf, kThreeQuarters };

// images or maps (N, C, S, S) -> the same, turned.
at::Tensor Turned(const at::Tensor& images, Turn turn);
// Undoes that.
at::Tensor TurnedBack(const at::Tensor& images, Turn turn);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_TURNS_H_
