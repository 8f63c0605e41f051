#ifndef PRETEXT_WORKER_STAGES_GRADIENT_NORM_H_
#define PRETEXT_WORKER_STAGES_GRADIENT_NORM_H_

#include <ATen/core/Tensor.h>

#include <vector>

namespace pretext {

// The norm of a loss's gradient over all of `parameters` together, as a float scalar without gradient; those
// that it does not reach count nothing. A backward pass of its own, that leaves the loss's graph as it is,
// adds to no grad() and is not seen by what syncs gradients. Under autocast too.
at::Tensor GradientNorm(const at::Tensor& loss, const std::vector<at::Tensor>& parameters);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_GRADIENT_NORM_H_
