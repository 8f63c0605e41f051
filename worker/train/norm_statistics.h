#ifndef PRETEXT_WORKER_TRAIN_NORM_STATISTICS_H_
#define PRETEXT_WORKER_TRAIN_NORM_STATISTICS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <vector>

namespace pretext {

// The running means and variances of every batch normalisation in `module`, in its order, sharing memory.
// Each rank moves its own by its part of the batch; their mean over the ranks is what one rank with all of
// the batch would have, because they move linearly.
std::vector<at::Tensor> NormStatistics(torch::nn::Module& module);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_NORM_STATISTICS_H_
