#include "worker/tasks/fill_adversary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/losses/binary_cross_entropy.h"
#include "worker/models/backbone.h"

namespace pretext {
namespace {

constexpr int kWidth = 64;  // of the first layer; each further one doubles it
constexpr int kMostLayers = 4;
constexpr int kSmallestSide = 4;  // of the last map
constexpr double kLeak = 0.2;

}  // namespace

PlayersLosses LossesOfPlayers(const at::Tensor& true_scores, const at::Tensor& made_scores,
                              const at::Tensor& shares) {
  const at::Tensor yes = at::ones_like(true_scores), no = at::zeros_like(true_scores);
  const at::Tensor telling =
      BinaryCrossEntropyCells(true_scores, yes) + BinaryCrossEntropyCells(made_scores, no);
  return {(telling * shares).sum(), (BinaryCrossEntropyCells(made_scores, yes) * shares).sum()};
}

FillAdversary::FillAdversary(int side, int channels) : score_(nullptr) {
  int in = channels, width = kWidth;
  for (int layer = 0; layer < kMostLayers && (layer == 0 || side / 2 >= kSmallestSide); ++layer, side /= 2) {
    convolutions_.push_back(register_module(
        absl::StrCat("convolution", layer),
        torch::nn::Conv2d(
            torch::nn::Conv2dOptions(in, width, /*kernel_size=*/4).stride(2).padding(1).bias(layer == 0))));
    if (layer > 0) {
      norms_.push_back(
          register_module(absl::StrCat("norm", layer), std::make_shared<GroupedBatchNorm>(width)));
    }
    in = width;
    width *= 2;
  }
  score_ = register_module("score", torch::nn::Linear(in, 1));
  adam_ = std::make_shared<PrivateAdam>(*this);
  register_module("adam", adam_);
}

at::Tensor FillAdversary::Forward(at::Tensor map) {
  for (size_t i = 0; i < convolutions_.size(); ++i) {
    map = convolutions_[i]->forward(map);
    if (i > 0) map = norms_[i - 1]->Forward(map);
    map = at::leaky_relu(map, kLeak);
  }
  return score_->forward(AveragePool(map)).squeeze(1);
}

absl::StatusOr<FillAdversary::Verdict> FillAdversary::Judge(const at::Tensor& wanted,
                                                            const at::Tensor& filled, const at::Tensor& part,
                                                            const at::Tensor& shares, int32_t micro,
                                                            ProcessGroup& group) {
  PrivateAdam::Recording recording(*adam_);
  const at::Tensor made = filled.detach().requires_grad_();
  // A picture and its copy next to each other: a batch-norm group has both.
  const at::Tensor scores =
      Forward(at::stack({wanted * part, made * part}, 1).flatten(0, 1)).to(at::kFloat).view({-1, 2});
  const at::Tensor of_true = scores.select(1, 0), of_made = scores.select(1, 1);
  const PlayersLosses losses = LossesOfPlayers(of_true, of_made, shares);
  Verdict verdict;
  const at::Tensor gradient = GradientsIn(losses.generator, {made}).front();
  PRETEXT_RETURN_IF_ERROR(adam_->Add(micro, adam_->Gradients({losses.adversary}, {}), group));
  verdict.generator_loss = Detour(losses.generator, filled, gradient);
  verdict.loss = losses.adversary.detach();
  const at::Tensor told = (of_true.detach().gt(0).to(at::kFloat) + of_made.detach().le(0).to(at::kFloat)) / 2;
  verdict.accuracy = (told * shares).sum();
  return verdict;
}

}  // namespace pretext
