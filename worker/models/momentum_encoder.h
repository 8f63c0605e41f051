#ifndef PRETEXT_WORKER_MODELS_MOMENTUM_ENCODER_H_
#define PRETEXT_WORKER_MODELS_MOMENTUM_ENCODER_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/models/backbone.h"
#include "worker/models/heads.h"

namespace pretext {

// A slowly moving copy of a backbone and its head that encodes keys (MoCo, He et al. 2020). Its parameters
// take no gradient. Batch-norm statistics come from its own forward passes, which run in training mode; they
// are not averaged with the original's.
class MomentumEncoder : public torch::nn::Module {
 public:
  // Starts equal to `backbone` and `head`, on their device; both must outlive it and keep their parameters.
  static absl::StatusOr<std::shared_ptr<MomentumEncoder>> Create(const BackboneModule& backbone,
                                                                 const ProjectionHead& head);

  // images (N, C, H, W) -> (N, out), without gradient, not normalised.
  at::Tensor Forward(const at::Tensor& images);

  // Every parameter becomes momentum * own + (1 - momentum) * original, exactly its own at 1 and exactly the
  // original's at 0.
  void Update(double momentum);

  BackboneModule& backbone() { return *backbone_; }

 private:
  MomentumEncoder(Backbone backbone, std::shared_ptr<ProjectionHead> head);

  Backbone backbone_;
  std::shared_ptr<ProjectionHead> head_;
  std::vector<at::Tensor> own_, original_;  // the parameters, in the same order
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_MOMENTUM_ENCODER_H_
