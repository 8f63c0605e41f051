#include "worker/losses/info_nce.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "worker/losses/noise_contrast.h"

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

}  // namespace

InfoNceOutput InfoNceWithMetrics(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                                 double temperature) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const Similarities similarities = Compare(query, key, queue);
  InfoNceOutput output;
  output.loss =
      NoiseContrast(Contrast::kInfoNce, similarities.positive, similarities.negatives, temperature).mean();
  at::NoGradGuard no_grad;
  output.accuracy = similarities.positive.gt(similarities.negatives.amax(1)).to(at::kFloat).mean();
  output.positive_similarity = similarities.positive.detach().mean();
  output.negative_similarity = similarities.negatives.detach().mean();
  return output;
}

double InfoNceChanceLoss(int64_t queue_length) {
  return NoiseContrastChance(Contrast::kInfoNce, queue_length);
}

}  // namespace pretext
