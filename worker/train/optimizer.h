#ifndef PRETEXT_WORKER_TRAIN_OPTIMIZER_H_
#define PRETEXT_WORKER_TRAIN_OPTIMIZER_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "pretext/v1/stage.pb.h"
#include "worker/train/learning_rate.h"
#include "worker/train/parameter_groups.h"

namespace pretext {

// Changes weights by their gradients, all of a group in one fused call. Parameters without a gradient stay as
// they are. Weight decay spares biases and normalisation. Training thread.
class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // `rates` has one entry a group.
  virtual void Step(absl::Span<const Rates> rates) = 0;
  void ClearGradients();

  // Everything a checkpoint must hold, by "parameter.moment"; shares memory where it can.
  virtual std::map<std::string, at::Tensor> State() const = 0;
  // INVALID_ARGUMENT: the state is another optimiser's; names what differs.
  virtual absl::Status LoadState(const std::map<std::string, at::Tensor>& state) = 0;

  const std::vector<ParameterGroup>& groups() const { return groups_; }

 protected:
  explicit Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}
  std::vector<ParameterGroup> groups_;
};

// SGD as PyTorch's (momentum, coupled decay, no Nesterov, no dampening), or AdamW as PyTorch's (Loshchilov &
// Hutter 2019) with beta2 0.99 and eps 1e-5. `spec` has its defaults filled in.
std::unique_ptr<Optimizer> MakeOptimizer(const v1::OptimizerSpec& spec, std::vector<ParameterGroup> groups);

// The norm of all gradients of the groups together; scales them down to `clip_norm` when it is larger (0:
// never). Returns the norm before, as a scalar on the parameters' device.
at::Tensor ClipGradients(const std::vector<ParameterGroup>& groups, double clip_norm);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_OPTIMIZER_H_
