#include "worker/models/momentum_encoder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_lerp.h>

#include <utility>

#include "proto/cpp/status_macros.h"

namespace pretext {

absl::StatusOr<std::shared_ptr<MomentumEncoder>> MomentumEncoder::Create(const BackboneModule& backbone,
                                                                         const ProjectionHead& head) {
  PRETEXT_ASSIGN_OR_RETURN(Backbone copy, CopyBackbone(backbone));
  std::shared_ptr<MomentumEncoder> encoder(new MomentumEncoder(std::move(copy), head.Copy()));
  encoder->original_ = backbone.parameters();
  for (const at::Tensor& parameter : head.parameters()) encoder->original_.push_back(parameter);
  encoder->to(encoder->original_[0].device());
  encoder->own_ = encoder->parameters();
  for (at::Tensor& parameter : encoder->own_) parameter.set_requires_grad(false);
  encoder->train();
  return encoder;
}

MomentumEncoder::MomentumEncoder(Backbone backbone, std::shared_ptr<ProjectionHead> head)
    : backbone_(register_module("backbone", std::move(backbone))),
      head_(register_module("head", std::move(head))) {}

at::Tensor MomentumEncoder::Forward(const at::Tensor& images) {
  at::NoGradGuard no_grad;
  return head_->Forward(backbone_->Forward(images));
}

void MomentumEncoder::Update(double momentum) {
  at::NoGradGuard no_grad;
  at::_foreach_lerp_(own_, original_, 1 - momentum);
}

}  // namespace pretext
