#include "worker/models/key_queue.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include "worker/models/unit_rows.h"

namespace pretext {
KeyQueue::KeyQueue(int64_t length, int64_t size, uint64_t seed)
    : keys_(register_buffer("keys", RandomUnitRows(length, size, seed))),
      pointer_(register_buffer("pointer", at::zeros({}, at::kLong))) {}

// Rows are addressed on the device: the pointer never has to come to the host.
void KeyQueue::Enqueue(const at::Tensor& keys) {
  TORCH_CHECK(keys.dim() == 2 && keys.size(1) == keys_.size(1) && keys.size(0) <= length(),
              "key queue: keys of shape ", keys.sizes(), " do not fit into a queue of ", keys_.sizes(),
              "; the queue must hold at least one batch (batch_size)");
  at::NoGradGuard no_grad;
  const at::Tensor rows = (at::arange(keys.size(0), pointer_.options()) + pointer_).remainder(length());
  keys_.index_copy_(0, rows, keys.detach().to(keys_.scalar_type()));
  pointer_.add_(keys.size(0)).remainder_(length());
}

}  // namespace pretext
