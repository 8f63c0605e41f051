#ifndef PRETEXT_WORKER_LOSSES_BINARY_CROSS_ENTROPY_H_
#define PRETEXT_WORKER_LOSSES_BINARY_CROSS_ENTROPY_H_

#include <ATen/core/Tensor.h>

namespace pretext {

// Logistic cross entropy in nats, computed in fp32, under autocast too: logits and targets of one shape,
// targets in 0 .. 1 -> of that shape, - t ln s(x) - (1 - t) ln(1 - s(x)). A logit of 0 gives ln 2 whatever
// the target.
at::Tensor BinaryCrossEntropyCells(const at::Tensor& logits, const at::Tensor& targets);

// The mean of the above.
at::Tensor BinaryCrossEntropy(const at::Tensor& logits, const at::Tensor& targets);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_BINARY_CROSS_ENTROPY_H_
