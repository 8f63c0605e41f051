#include "worker/models/memory_bank.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include "worker/models/unit_rows.h"

namespace pretext {

MemoryBank::MemoryBank(int64_t pictures, int64_t size, uint64_t seed)
    : rows_(register_buffer("rows", RandomUnitRows(pictures, size, seed))) {}

void MemoryBank::Update(const at::Tensor& indices, const at::Tensor& vectors, double momentum) {
  at::NoGradGuard no_grad;
  const at::Tensor mixed =
      rows_.index_select(0, indices) * momentum + vectors.detach().to(at::kFloat) * (1 - momentum);
  rows_.index_copy_(0, indices, UnitRows(mixed));
}

}  // namespace pretext
