#ifndef PRETEXT_WORKER_TASKS_LIGHTNESS_INPUT_H_
#define PRETEXT_WORKER_TASKS_LIGHTNESS_INPUT_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pretext {

// What a network gets of a picture's lightness: (B, S, S, 1), 0 .. 100 -> (B, channels, S, S), channels last,
// the same in each: (L - 50) / 25. That is the range of normalised pictures, so that the trunk serves
// normalised RGB afterwards and other tasks beside this one.
at::Tensor LightnessInput(const at::Tensor& lightness, int64_t channels);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_LIGHTNESS_INPUT_H_
