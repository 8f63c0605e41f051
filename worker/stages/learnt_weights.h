#ifndef PRETEXT_WORKER_STAGES_LEARNT_WEIGHTS_H_
#define PRETEXT_WORKER_STAGES_LEARNT_WEIGHTS_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace pretext {

// How much each of several losses counts, learnt beside them (Kendall, Gal & Cipolla 2018, "Multi-Task
// Learning Using Uncertainty"): loss i becomes exp(-s_i) * loss + s_i, with s_i the logarithm of its
// variance, 0 at first.
class LearntWeights : public torch::nn::Module {
 public:
  explicit LearntWeights(int64_t losses);

  // Scalar -> scalar. A gradient reaches log_variances in every backward pass that holds at least one of
  // them.
  at::Tensor Weigh(int64_t index, const at::Tensor& loss) const;

  at::Tensor log_variances;  // (losses), with gradient
};

// What a loss of `chance` comes to once s is learnt, 1 + ln chance; `chance` itself where that is not
// positive.
double WeighedChance(double chance);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_LEARNT_WEIGHTS_H_
