#ifndef PRETEXT_WORKER_OPTIM_OPTIMIZER_H_
#define PRETEXT_WORKER_OPTIM_OPTIMIZER_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pretext/v1/stage.pb.h"
#include "worker/optim/learning_rate.h"
#include "worker/optim/parameter_groups.h"

namespace pretext {

// Changes weights by their gradients, all of a group in one fused call. Parameters that are frozen or have no
// gradient stay as they are, and so does what is remembered of them. It never clears gradients: they are
// GradientSync's (worker/dist). Weight decay spares biases and normalisation. The same
// gradients give the same bits on any number of threads, so that ranks on unlike machines stay equal.
// Training thread.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // `rates` has one entry a group.
  virtual void Step(absl::Span<const Rates> rates) = 0;

  // Everything a checkpoint must hold, as "{parameter}.{PyTorch's name}": momentum_buffer, or exp_avg,
  // exp_avg_sq and step. Of parameters that have had a gradient. Shares memory with the optimizer, but for
  // step.
  virtual std::map<std::string, at::Tensor> State() const = 0;
  // Takes a copy: what follows equals what would have followed State(), bit for bit. INVALID_ARGUMENT,
  // nothing changed: the state is another optimizer's or another network's; names what differs.
  virtual absl::Status LoadState(const std::map<std::string, at::Tensor>& state) = 0;

  virtual const std::vector<ParameterGroup>& groups() const = 0;
};

// SGD as PyTorch's (momentum, coupled decay, no Nesterov, no dampening), or AdamW as PyTorch's (Loshchilov &
// Hutter 2019) with beta2 0.99 and eps 1e-5. `spec` has its defaults filled in; rates and momentum come with
// each step. Parameters' names are unique; parameters stay on their device.
std::unique_ptr<Optimizer> MakeOptimizer(const v1::OptimizerSpec& spec, std::vector<ParameterGroup> groups);

// The norm of all gradients of the groups together; scales them down to `clip_norm` when it is larger (0:
// never) and finite. Returns the norm before, as a float scalar on the parameters' device.
at::Tensor ClipGradients(const std::vector<ParameterGroup>& groups, double clip_norm);

}  // namespace pretext

#endif  // PRETEXT_WORKER_OPTIM_OPTIMIZER_H_
