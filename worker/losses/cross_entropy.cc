#include "worker/losses/cross_entropy.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/logsumexp.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace pretext {

at::Tensor CrossEntropy(const at::Tensor& logits, const at::Tensor& targets, double label_smoothing) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return at::cross_entropy_loss(logits.to(at::kFloat), targets, /*weight=*/{}, at::Reduction::Mean,
                                /*ignore_index=*/-100, label_smoothing);
}

// - sum_k w_k (x_k - lse(x)) = (sum_k w_k) lse(x) - sum_k w_k x_k.
at::Tensor SoftCrossEntropyCells(const at::Tensor& logits, const at::Tensor& bins,
                                 const at::Tensor& weights) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor x = logits.to(at::kFloat);
  return weights.sum(1) * at::logsumexp(x, 1) - (weights * x.gather(1, bins)).sum(1);
}

at::Tensor SoftCrossEntropy(const at::Tensor& logits, const at::Tensor& bins, const at::Tensor& weights,
                            const at::Tensor& cell_weights) {
  const at::Tensor cells = SoftCrossEntropyCells(logits, bins, weights);
  return cell_weights.defined() ? (cells * cell_weights).mean() : cells.mean();
}

}  // namespace pretext
