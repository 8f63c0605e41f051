#ifndef PRETEXT_WORKER_MODELS_KEY_QUEUE_H_
#define PRETEXT_WORKER_MODELS_KEY_QUEUE_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace pretext {

// The newest K keys, first in, first out: MoCo's negatives. State is two buffers, so that checkpoints hold
// it: `keys` (K, D) float and `pointer`, an int64 scalar, the row written next. Follows the module's device;
// no call waits for a GPU.
class KeyQueue : public torch::nn::Module {
 public:
  // Rows start as random unit vectors that depend on `seed` alone. REQUIRES: length, size >= 1.
  KeyQueue(int64_t length, int64_t size, uint64_t seed);

  // Overwrites the oldest rows with `keys` (N, D), in order, wrapping at the end. Not between a loss's
  // forward and backward pass, which needs the rows as they were. N <= length; c10::Error otherwise.
  void Enqueue(const at::Tensor& keys);

  const at::Tensor& keys() const { return keys_; }  // (K, D), no gradient
  int64_t length() const { return keys_.size(0); }

 private:
  at::Tensor keys_;
  at::Tensor pointer_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_KEY_QUEUE_H_
