#ifndef PRETEXT_WORKER_LOSSES_CROSS_ENTROPY_H_
#define PRETEXT_WORKER_LOSSES_CROSS_ENTROPY_H_

#include <ATen/core/Tensor.h>

namespace pretext {

// Softmax cross entropy, computed in fp32, under autocast too. Equal logits over n classes give ln n.

// logits (N, C), targets (N) int64 in 0 .. C - 1 -> scalar, the mean over N. With label smoothing e the
// target is 1 - e for the class plus e / C for every class (Szegedy et al. 2016).
at::Tensor CrossEntropy(const at::Tensor& logits, const at::Tensor& targets, double label_smoothing = 0);

// Dense prediction of a distribution over Q bins, of which each cell names only K: logits (B, Q, H, W),
// bins (B, K, H, W) int64, weights (B, K, H, W) float -> (B, H, W), each cell's - sum_k weights_k ln
// p_bins_k. The (B, Q, H, W) target is never put together. Bins may repeat within a cell; their weights add
// up.
at::Tensor SoftCrossEntropyCells(const at::Tensor& logits, const at::Tensor& bins, const at::Tensor& weights);

// The mean of the above over all B * H * W cells, each times `cell_weights` (B, H, W): a cell of weight zero
// adds neither loss nor gradient but counts in the divisor, so that the mean over ranks is that of the whole
// batch. Undefined `cell_weights` are ones.
at::Tensor SoftCrossEntropy(const at::Tensor& logits, const at::Tensor& bins, const at::Tensor& weights,
                            const at::Tensor& cell_weights = {});

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_CROSS_ENTROPY_H_
