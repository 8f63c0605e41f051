#include "worker/losses/info_nce.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/matmul.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "worker/losses/noise_contrast.h"

namespace pretext {
namespace {

// (N, D), (K, D) -> (N, K).
at::Tensor Similarities(const at::Tensor& query, const at::Tensor& queue) {
  return at::matmul(query.to(at::kFloat), queue.detach().to(at::kFloat).t());
}

}  // namespace

InfoNceOutput InfoNceWithMetrics(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                                 double temperature) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor positive = (query.to(at::kFloat) * key.to(at::kFloat)).sum(1);
  const at::Tensor negatives = Similarities(query, queue);
  InfoNceOutput output;
  output.logits = negatives / temperature;
  output.loss = NoiseContrastOfLogits(Contrast::kInfoNce, positive / temperature, output.logits).mean();
  at::NoGradGuard no_grad;
  output.accuracy = positive.gt(negatives.amax(1)).to(at::kFloat).mean();
  output.positive_similarity = positive.detach().mean();
  output.negative_similarity = negatives.detach().mean();
  return output;
}

at::Tensor QueueLogits(const at::Tensor& query, const at::Tensor& queue, double temperature) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return Similarities(query, queue) / temperature;
}

double InfoNceChanceLoss(int64_t queue_length) {
  return NoiseContrastChance(Contrast::kInfoNce, queue_length);
}

}  // namespace pretext
