#include "worker/losses/unlabelled_losses.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/Reduction.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

namespace pretext {
namespace {

constexpr double kSteepness = 5;  // of TSA's exponential and logarithmic schedules

// `loss` (N), of which `counts` (N) 0 or 1 says what counts.
UnlabelledLoss Masked(const at::Tensor& loss, const at::Tensor& counts, const at::Tensor& picture,
                      const at::Tensor& copy) {
  UnlabelledLoss output;
  output.loss = (loss * counts).mean();
  at::NoGradGuard no_grad;
  output.confident_share = counts.mean();
  output.agreement = picture.argmax(1).eq(copy.argmax(1)).to(at::kFloat).mean();
  return output;
}

}  // namespace

UnlabelledLoss UdaLoss(const at::Tensor& picture, const at::Tensor& copy, double confidence,
                       double sharpening) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor given = picture.detach().to(at::kFloat);
  const at::Tensor counts = given.softmax(1).amax({1}).gt(confidence).to(at::kFloat);
  const at::Tensor sharp = (given / sharpening).log_softmax(1);
  const at::Tensor divergence = (sharp.exp() * (sharp - copy.to(at::kFloat).log_softmax(1))).sum(1);
  return Masked(divergence, counts, given, copy);
}

UnlabelledLoss FixMatchLoss(const at::Tensor& picture, const at::Tensor& copy, double confidence) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor given = picture.detach().to(at::kFloat);
  const at::Tensor counts = given.softmax(1).amax({1}).ge(confidence).to(at::kFloat);
  const at::Tensor loss =
      at::cross_entropy_loss(copy.to(at::kFloat), given.argmax(1), /*weight=*/{}, at::Reduction::None);
  return Masked(loss, counts, given, copy);
}

double AnnealingThreshold(v1::UnlabelledSpec::Annealing annealing, double progress, int classes) {
  double share = 1;
  switch (annealing) {
    case v1::UnlabelledSpec::LINEAR:
      share = progress;
      break;
    case v1::UnlabelledSpec::EXPONENTIAL:
      share = std::exp(kSteepness * (progress - 1));
      break;
    case v1::UnlabelledSpec::LOGARITHMIC:
      share = 1 - std::exp(-kSteepness * progress);
      break;
    default:
      break;
  }
  return share * (1 - 1.0 / classes) + 1.0 / classes;
}

KeptCrossEntropy AnnealedCrossEntropy(const at::Tensor& logits, const at::Tensor& targets, double threshold,
                                      double label_smoothing) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::Tensor scores = logits.to(at::kFloat);
  const at::Tensor of_class = scores.detach().softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1);
  const at::Tensor counts = of_class.le(threshold).to(at::kFloat);
  const at::Tensor loss = at::cross_entropy_loss(scores, targets, /*weight=*/{}, at::Reduction::None,
                                                 /*ignore_index=*/-100, label_smoothing);
  return {(loss * counts).sum(), counts.sum()};
}

// The mean over ranks of sum / (kept per rank) is (all sums / ranks) / (all kept / ranks).
at::Tensor MeanOfKept(const KeptCrossEntropy& own, const at::Tensor& kept_per_rank, int ranks) {
  return own.sum / kept_per_rank.clamp_min(1.0 / ranks);
}

}  // namespace pretext
