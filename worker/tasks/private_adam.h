#ifndef PRETEXT_WORKER_TASKS_PRIVATE_ADAM_H_
#define PRETEXT_WORKER_TASKS_PRIVATE_ADAM_H_

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "worker/dist/process_group.h"

namespace pretext {

// The optimizer of a network that a task trains by itself, against or before the loss that the stage trains
// on: Adam (Kingma & Ba 2015) with beta1 0.5, beta2 0.999 and eps 1e-8, without weight decay. The network's
// weights take no gradient but while a Recording lives, so neither the stage's optimizer nor its gradient
// synchronisation knows of them. Moments and count are buffers: registered beside the network in the task's
// module, a checkpoint holds them. Gradients are averaged over the ranks, so equal networks stay equal bit
// for bit. Training thread.
//
// One step is: for each micro-batch a Recording, the forward pass, Gradients, Add; then Step.
class PrivateAdam : public torch::nn::Module {
 public:
  // Takes over the parameters that `network` has now, which outlive it; moves with the device if registered.
  explicit PrivateAdam(const torch::nn::Module& network);

  // While it lives the weights take a gradient and operations are recorded, whatever the caller's mode.
  class Recording {
   public:
    explicit Recording(PrivateAdam& adam) : adam_(adam), record_(true) { adam_.TakeGradients(true); }
    ~Recording() { adam_.TakeGradients(false); }
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;

   private:
    PrivateAdam& adam_;
    at::AutoGradMode record_;
  };

  // The gradients in the weights of sum over i of outputs[i] * factors[i], recorded by a Recording. An
  // undefined factor is 1, for a scalar. Leaves every tensor's own .grad alone and frees the graph.
  std::vector<at::Tensor> Gradients(const std::vector<at::Tensor>& outputs,
                                    const std::vector<at::Tensor>& factors) const;

  // Averages a micro-batch's gradients over the ranks, in place, and keeps them for Step; the first
  // micro-batch of a step replaces what was kept and never used. A collective call; errors are the group's.
  absl::Status Add(int32_t micro, const std::vector<at::Tensor>& gradients, ProcessGroup& group);

  // By the mean over the step's micro-batches. Does nothing when nothing was added.
  void Step(double rate);

 private:
  void TakeGradients(bool take);

  std::vector<at::Tensor> weights_;
  at::Tensor first_moment_, second_moment_;  // of all weights, one after the other: buffers
  at::Tensor steps_;                         // float scalar: a buffer
  std::vector<at::Tensor> sum_;              // of gradients
  int32_t added_ = 0;
};

// The gradients of a scalar in `inputs`, without touching any tensor's own .grad; the graph stays for others.
std::vector<at::Tensor> GradientsIn(const at::Tensor& scalar, const std::vector<at::Tensor>& inputs);

// A scalar that has the value of `scalar`, and with respect to `input` the gradient `gradient` and no other:
// what is behind `scalar` may change before the backward pass.
at::Tensor Detour(const at::Tensor& scalar, const at::Tensor& input, const at::Tensor& gradient);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_PRIVATE_ADAM_H_
