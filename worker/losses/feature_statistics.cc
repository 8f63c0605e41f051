#include "worker/losses/feature_statistics.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/matmul.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr double kShortest = 1e-12;  // rows shorter than this stay as they are: near zero

at::Tensor UnitRows(const at::Tensor& features) {
  const at::Tensor x = features.detach().to(at::kFloat);
  return x / x.norm(2, {1}, /*keepdim=*/true).clamp_min(kShortest);
}

}  // namespace

at::Tensor FeatureSpread(const at::Tensor& features) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  at::NoGradGuard no_grad;
  return UnitRows(features).std(0).mean() * std::sqrt(static_cast<double>(features.size(1)));
}

// Singular values are the roots of the eigenvalues of the smaller of the two Gram matrices.
double EffectiveRank(const at::Tensor& features) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  at::NoGradGuard no_grad;
  at::Tensor x = UnitRows(features).cpu().to(at::kDouble);
  x = x - x.mean(0, /*keepdim=*/true);
  const at::Tensor gram = x.size(0) < x.size(1) ? at::matmul(x, x.t()) : at::matmul(x.t(), x);
  const at::Tensor eigenvalues = at::linalg_eigvalsh(gram).contiguous();
  const double* values = eigenvalues.const_data_ptr<double>();
  const double largest = values[eigenvalues.numel() - 1];
  // fp32 features that are all the same leave rounding behind, not variance.
  if (largest < 1e-12 * static_cast<double>(x.size(0))) return 0;
  double sum = 0, entropy = 0;
  for (int64_t i = 0; i < eigenvalues.numel(); ++i) sum += std::sqrt(std::max(values[i], 0.0));
  for (int64_t i = 0; i < eigenvalues.numel(); ++i) {
    const double share = std::sqrt(std::max(values[i], 0.0)) / sum;
    if (share > 0) entropy -= share * std::log(share);
  }
  return std::exp(entropy);
}

}  // namespace pretext
