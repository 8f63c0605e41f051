#include "worker/stages/gradient_norm.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/autograd.h>

namespace pretext {

at::Tensor GradientNorm(const at::Tensor& loss, const std::vector<at::Tensor>& parameters) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const std::vector<at::Tensor> gradients =
      torch::autograd::grad({loss}, parameters, /*grad_outputs=*/{}, /*retain_graph=*/true,
                            /*create_graph=*/false, /*allow_unused=*/true);
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> norms;
  for (const at::Tensor& gradient : gradients) {
    if (gradient.defined()) norms.push_back(at::linalg_vector_norm(gradient.to(at::kFloat)));
  }
  return norms.empty() ? at::zeros({}, loss.options().dtype(at::kFloat))
                       : at::linalg_vector_norm(at::stack(norms));
}

}  // namespace pretext
