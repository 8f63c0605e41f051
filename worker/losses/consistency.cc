#include "worker/losses/consistency.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <limits>

namespace pretext {
namespace {

// Of no gradient where the row is zero.
at::Tensor UnitRows(const at::Tensor& rows) {
  const at::Tensor x = rows.to(at::kFloat);
  return x / x.square().sum(1, /*keepdim=*/true).clamp_min(1e-24).sqrt();
}

// The cosine of each row with its target's: (N).
at::Tensor Cosines(const at::Tensor& target, const at::Tensor& rows) {
  return (UnitRows(target.detach()) * UnitRows(rows)).sum(1);
}

}  // namespace

at::Tensor DistributionDivergence(const at::Tensor& target, const at::Tensor& logits) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor wanted = at::log_softmax(target.detach().to(at::kFloat), 1);
  const at::Tensor found = at::log_softmax(logits.to(at::kFloat), 1);
  return (wanted.exp() * (wanted - found)).sum(1).mean();
}

at::Tensor ProbabilityDistance(const at::Tensor& target, const at::Tensor& logits) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return (at::softmax(target.detach().to(at::kFloat), 1) - at::softmax(logits.to(at::kFloat), 1))
      .square()
      .sum(1)
      .mean();
}

at::Tensor PredictionAgreement(const at::Tensor& target, const at::Tensor& logits) {
  at::NoGradGuard no_grad;
  return target.argmax(1).eq(logits.argmax(1)).to(at::kFloat).mean();
}

at::Tensor ValueDistance(const at::Tensor& target, const at::Tensor& values) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return (target.detach().to(at::kFloat) - values.to(at::kFloat)).square().mean();
}

at::Tensor FeatureDistance(const at::Tensor& target, const at::Tensor& rows) {
  return CosineDistance(target, rows) * 2;
}

at::Tensor CosineDistance(const at::Tensor& target, const at::Tensor& rows) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return 1 - Cosines(target, rows).mean();
}

at::Tensor ContrastLoss(const at::Tensor& targets, const at::Tensor& rows, const ContrastedRows& contrasted) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const int64_t count = rows.size(0);
  const at::Tensor logits =
      at::matmul(UnitRows(rows), UnitRows(targets.detach()).t()) / contrasted.temperature;
  const at::TensorOptions whole = rows.options().dtype(at::kLong).requires_grad(false);
  const at::Tensor own = at::arange(contrasted.first, contrasted.first + count, whole).unsqueeze(1);
  const at::Tensor all = at::arange(targets.size(0), whole).unsqueeze(0);
  const at::Tensor same_picture =
      own.div(contrasted.parts, "floor").eq(all.div(contrasted.parts, "floor")).logical_and(own.ne(all));
  const at::Tensor allowed = logits.masked_fill(same_picture, -std::numeric_limits<float>::infinity());
  return (at::logsumexp(allowed, 1) - logits.gather(1, own).squeeze(1)).mean();
}

FeatureAgreement CompareFeatures(const at::Tensor& one, const at::Tensor& other) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  at::NoGradGuard no_grad;
  const int64_t count = one.size(0);
  const at::Tensor a = UnitRows(one), b = UnitRows(other);
  const at::Tensor same = (a * b).sum();
  // The sum over all pairs is the product of the sums.
  const at::Tensor all = (a.sum(0) * b.sum(0)).sum();
  return {same / count, (all - same) / std::max<int64_t>(1, count * (count - 1))};
}

}  // namespace pretext
