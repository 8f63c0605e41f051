#ifndef PRETEXT_WORKER_MODELS_BATCH_NORM_H_
#define PRETEXT_WORKER_MODELS_BATCH_NORM_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace pretext {

// Batch normalisation (Ioffe & Szegedy 2015) of (N, C) or (N, C, H, W) inputs over all but channels, with
// statistics of `groups` equal contiguous slices of the batch: one rank with G groups computes what G ranks
// with one group each do on a G-th of the batch. It also keeps a contrastive loss on one rank from matching a
// query with its key by their shared statistics (MoCo's reason for shuffling).
//
// Parameters and buffers are torchvision's: weight, bias, running_mean, running_var, num_batches_tracked.
// Statistics are in fp32 whatever the input's type. Running statistics move once a forward pass in training,
// by momentum 0.1, towards the mean over groups of (mean, unbiased variance). Evaluation uses the running
// statistics and ignores the groups. Channels-last inputs give channels-last outputs.
class GroupedBatchNorm : public torch::nn::Module {
 public:
  explicit GroupedBatchNorm(int64_t channels, int groups = 1);

  // In training the batch must divide by the groups, and each group must have at least two values a channel;
  // c10::Error otherwise: whoever sets the groups checks first.
  at::Tensor Forward(const at::Tensor& input);

  // REQUIRES: groups >= 1.
  void set_groups(int groups) { groups_ = groups; }
  int groups() const { return groups_; }

  at::Tensor weight, bias;               // (C), with gradient
  at::Tensor running_mean, running_var;  // (C), buffers
  at::Tensor num_batches_tracked;        // int64 scalar, buffer

 private:
  at::Tensor ForwardGroups(const at::Tensor& input);

  int groups_;
};

// Sets the groups of every GroupedBatchNorm in `module`, itself included.
void SetBatchNormGroups(torch::nn::Module& module, int groups);

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_BATCH_NORM_H_
