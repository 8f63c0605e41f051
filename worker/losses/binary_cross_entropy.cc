#include "worker/losses/binary_cross_entropy.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace pretext {

at::Tensor BinaryCrossEntropyCells(const at::Tensor& logits, const at::Tensor& targets) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return at::binary_cross_entropy_with_logits(logits.to(at::kFloat), targets.to(at::kFloat), /*weight=*/{},
                                              /*pos_weight=*/{}, at::Reduction::None);
}

at::Tensor BinaryCrossEntropy(const at::Tensor& logits, const at::Tensor& targets) {
  return BinaryCrossEntropyCells(logits, targets).mean();
}

}  // namespace pretext
