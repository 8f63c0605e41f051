#ifndef PRETEXT_WORKER_TASKS_FILL_ADVERSARY_H_
#define PRETEXT_WORKER_TASKS_FILL_ADVERSARY_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/models/batch_norm.h"
#include "worker/tasks/private_adam.h"

namespace pretext {

// The players' losses on scores of true and of made pictures, (B) each, and `shares` (B), what each picture
// counts (Goodfellow et al. 2014, "Generative Adversarial Nets", the generator's loss that does not
// saturate).
struct PlayersLosses {
  at::Tensor adversary;  // what telling true from made costs: 2 ln 2 for each share when it knows nothing
  at::Tensor generator;  // what being told costs: ln 2 then
};
PlayersLosses LossesOfPlayers(const at::Tensor& true_scores, const at::Tensor& made_scores,
                              const at::Tensor& shares);

// Learns to tell what a hole was filled with from what was there (Pathak et al. 2016), and trains itself
// while it judges. It sees the filled part alone, blank around it: 4 x 4 convolutions of stride 2 with
// batch-norm and leaky ReLU (Radford et al. 2016, "DCGAN"), averaged over space, and a linear score.
class FillAdversary : public torch::nn::Module {
 public:
  FillAdversary(int side, int channels);

  struct Verdict {
    at::Tensor generator_loss;  // scalar, with gradient in `filled` alone
    at::Tensor loss;            // the adversary's own, without gradient
    at::Tensor accuracy;        // share of the pictures, true and made, that it tells, without gradient
  };
  // wanted and filled (B, C, side, side) in units of the data's deviation from its mean, part (B, 1, side,
  // side) 1 where pixels are filled in, shares (B) as above. Collects the gradients of its own step.
  absl::StatusOr<Verdict> Judge(const at::Tensor& wanted, const at::Tensor& filled, const at::Tensor& part,
                                const at::Tensor& shares, int32_t micro, ProcessGroup& group);

  // (N, C, side, side) -> scores (N), more than 0 for true.
  at::Tensor Forward(at::Tensor pictures);

  void Step(double rate) { adam_->Step(rate); }

 private:
  std::vector<torch::nn::Conv2d> convolutions_;
  std::vector<std::shared_ptr<GroupedBatchNorm>> norms_;  // of all but the first
  torch::nn::Linear score_;
  std::shared_ptr<PrivateAdam> adam_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_FILL_ADVERSARY_H_
