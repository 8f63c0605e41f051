#ifndef PRETEXT_WORKER_LOSSES_NOISE_CONTRAST_H_
#define PRETEXT_WORKER_LOSSES_NOISE_CONTRAST_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pretext {

// How a vector's similarity p with its own is set against its similarities n_1 .. n_N with others, all
// divided by the temperature:
//   kInfoNce  -ln h(p), with h(x) = e^x / (e^x + sum_j e^n_j) (van den Oord et al. 2018)
//   kNce      -ln h(p) - sum_i ln(1 - h(n_i)) (Gutmann & Hyvarinen 2010, as Misra & van der Maaten 2020,
//             eq. 4 and 5, have it)
enum class Contrast { kInfoNce, kNce };

// positive (B), negatives (B, N) -> the loss of each row (B), in fp32.
at::Tensor NoiseContrast(Contrast contrast, const at::Tensor& positive, const at::Tensor& negatives,
                         double temperature);
// The same of similarities in fp32 that are divided by the temperature already.
at::Tensor NoiseContrastOfLogits(Contrast contrast, const at::Tensor& positive, const at::Tensor& negatives);

// The loss where all similarities are equal: ln(1 + N), and N ln(1 + 1 / N) more for kNce.
double NoiseContrastChance(Contrast contrast, int64_t negatives);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_NOISE_CONTRAST_H_
