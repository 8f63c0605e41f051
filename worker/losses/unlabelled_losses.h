#ifndef PRETEXT_WORKER_LOSSES_UNLABELLED_LOSSES_H_
#define PRETEXT_WORKER_LOSSES_UNLABELLED_LOSSES_H_

#include <ATen/core/Tensor.h>

#include "pretext/v1/stage.pb.h"

namespace pretext {

// What a classifier learns from pictures without labels: it is to say of a changed copy what it says of the
// picture. Logits are (N, C); everything is computed in fp32, under autocast too.

struct UnlabelledLoss {
  at::Tensor loss;             // scalar, the mean over all N; gradient flows to `copy` alone
  at::Tensor confident_share;  // scalar: of the pictures, those that count
  at::Tensor agreement;        // scalar: of the pictures, those whose copy is taken for the same class
};

// UDA (Xie et al. 2019, "Unsupervised Data Augmentation for Consistency Training"): with p =
// softmax(picture),
//   [max p > confidence] * KL( softmax(picture / sharpening) || softmax(copy) ).
// 0 where copy = picture and sharpening = 1. REQUIRES: sharpening > 0.
UnlabelledLoss UdaLoss(const at::Tensor& picture, const at::Tensor& copy, double confidence,
                       double sharpening);

// FixMatch (Sohn et al. 2020, eq. 4): [max p >= confidence] * - ln softmax(copy)[argmax p].
UnlabelledLoss FixMatchLoss(const at::Tensor& picture, const at::Tensor& copy, double confidence);

// Training-signal annealing (Xie et al. 2019): how probable its class may be at most for a labelled picture
// to count, at `progress` 0 .. 1 of the training. 1 / classes + a * (1 - 1 / classes) with a = progress
// (LINEAR), e^(5 (progress - 1)) (EXPONENTIAL) or 1 - e^(-5 progress) (LOGARITHMIC); 1 when OFF.
double AnnealingThreshold(v1::UnlabelledSpec::Annealing annealing, double progress, int classes);

struct KeptCrossEntropy {
  at::Tensor sum;   // scalar, with gradient: of the pictures kept
  at::Tensor kept;  // scalar: how many those are
};

// Softmax cross entropy of the pictures whose class is not more probable than `threshold`. logits (N, C),
// targets (N) int64; label smoothing as in CrossEntropy.
KeptCrossEntropy AnnealedCrossEntropy(const at::Tensor& logits, const at::Tensor& targets, double threshold,
                                      double label_smoothing);

// What each of `ranks` ranks takes for its loss, so that their mean is the mean over all pictures kept, or 0
// when none was. `kept_per_rank`: the mean over ranks of the pictures kept.
at::Tensor MeanOfKept(const KeptCrossEntropy& own, const at::Tensor& kept_per_rank, int ranks);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_UNLABELLED_LOSSES_H_
