#include "worker/losses/noise_contrast.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softplus.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

namespace pretext {

at::Tensor NoiseContrast(Contrast contrast, const at::Tensor& positive, const at::Tensor& negatives,
                         double temperature) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return NoiseContrastOfLogits(contrast, positive.to(at::kFloat) / temperature,
                               negatives.to(at::kFloat) / temperature);
}

// With S = ln sum_j e^n_j: -ln h(p) = softplus(S - p) and -ln(1 - h(n)) = softplus(n - S), so that the
// (B, 1 + N) logits need never be put together.
at::Tensor NoiseContrastOfLogits(Contrast contrast, const at::Tensor& positive, const at::Tensor& negatives) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor sum = at::logsumexp(negatives, 1);
  const at::Tensor found = at::softplus(sum - positive);
  if (contrast == Contrast::kInfoNce) return found;
  return found + at::softplus(negatives - sum.unsqueeze(1)).sum(1);
}

double NoiseContrastChance(Contrast contrast, int64_t negatives) {
  const double count = static_cast<double>(negatives);
  return std::log1p(count) + (contrast == Contrast::kNce ? count * std::log1p(1 / count) : 0);
}

}  // namespace pretext
