#ifndef PRETEXT_WORKER_MODELS_MEMORY_BANK_H_
#define PRETEXT_WORKER_MODELS_MEMORY_BANK_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>

namespace pretext {

// One unit vector a picture of the data set, by the picture's index (Wu et al. 2018, "Unsupervised Feature
// Learning via Non-Parametric Instance Discrimination"). State is the buffer `rows` (pictures, size) float,
// so that checkpoints hold it. Follows the module's device.
class MemoryBank : public torch::nn::Module {
 public:
  // Rows start as random unit vectors that depend on `seed` alone.
  MemoryBank(int64_t pictures, int64_t size, uint64_t seed);

  // rows[indices] becomes momentum * rows[indices] + (1 - momentum) * vectors, at unit length. indices (N)
  // int64 without repeats, vectors (N, size) of unit length. Not between a loss's forward and backward pass.
  void Update(const at::Tensor& indices, const at::Tensor& vectors, double momentum);

  const at::Tensor& rows() const { return rows_; }  // no gradient
  int64_t pictures() const { return rows_.size(0); }

 private:
  at::Tensor rows_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_MODELS_MEMORY_BANK_H_
