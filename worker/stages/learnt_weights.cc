#include "worker/stages/learnt_weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace pretext {

LearntWeights::LearntWeights(int64_t losses)
    : log_variances(register_parameter("log_variances", at::zeros({losses}))) {}

at::Tensor LearntWeights::Weigh(int64_t index, const at::Tensor& loss) const {
  const at::Tensor s = log_variances.select(0, index);
  return (-s).exp() * loss + s;
}

// exp(-s) L + s is least at s = ln L.
double WeighedChance(double chance) { return chance > 0 ? 1 + std::log(chance) : chance; }

}  // namespace pretext
