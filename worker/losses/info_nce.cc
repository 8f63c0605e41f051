#include "worker/losses/info_nce.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softplus.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

namespace pretext {
namespace {

struct Similarities {
  at::Tensor positive;   // (N)
  at::Tensor negatives;  // (N, K)
};

Similarities Compare(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue) {
  const at::Tensor q = query.to(at::kFloat);
  return {(q * key.to(at::kFloat)).sum(1), at::matmul(q, queue.detach().to(at::kFloat).t())};
}

// -ln(e^p / (e^p + sum e^n)) = softplus(logsumexp(n) - p): the (N, 1 + K) logits need never be put together.
at::Tensor Loss(const Similarities& similarities, double temperature) {
  const at::Tensor partition = at::logsumexp(similarities.negatives / temperature, 1);
  return at::softplus(partition - similarities.positive / temperature).mean();
}

}  // namespace

InfoNceOutput InfoNceWithMetrics(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                                 double temperature) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const Similarities similarities = Compare(query, key, queue);
  InfoNceOutput output;
  output.loss = Loss(similarities, temperature);
  at::NoGradGuard no_grad;
  output.accuracy = similarities.positive.gt(similarities.negatives.amax(1)).to(at::kFloat).mean();
  output.positive_similarity = similarities.positive.detach().mean();
  output.negative_similarity = similarities.negatives.detach().mean();
  return output;
}

double InfoNceChanceLoss(int64_t queue_length) { return std::log1p(static_cast<double>(queue_length)); }

}  // namespace pretext
