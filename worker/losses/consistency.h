#ifndef PRETEXT_WORKER_LOSSES_CONSISTENCY_H_
#define PRETEXT_WORKER_LOSSES_CONSISTENCY_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace pretext {

// How far what a network says of one version of a picture is from what it says of another. All take the
// target first, through which no gradient flows, return a scalar and compute in fp32, under autocast too. Two
// versions that are to be pulled to each other are half of each with the other as the target.

// Predictions (B, C, ...) of classes along axis 1, as logits.
// The mean over all but axis 1 of KL(softmax(target) || softmax(logits)) (Xie et al. 2019, "Unsupervised Data
// Augmentation"). Adding a constant to all of a distribution's logits changes nothing.
at::Tensor DistributionDivergence(const at::Tensor& target, const at::Tensor& logits);
// The mean over all but axis 1 of the squared distance of the probabilities: 0 .. 2, however many classes.
at::Tensor ProbabilityDistance(const at::Tensor& target, const at::Tensor& logits);
// The share of predictions whose most probable class is the target's; no gradient.
at::Tensor PredictionAgreement(const at::Tensor& target, const at::Tensor& logits);

// Values of any shape: the mean squared difference.
at::Tensor ValueDistance(const at::Tensor& target, const at::Tensor& values);

// Features (N, D), each row brought to unit length.
// The mean of the rows' squared distances, 2 - 2 cos.
at::Tensor FeatureDistance(const at::Tensor& target, const at::Tensor& rows);
// The mean of 1 - cos.
at::Tensor CosineDistance(const at::Tensor& target, const at::Tensor& rows);

// Which rows of the targets InfoNCE may take for one of `rows`.
struct ContrastedRows {
  int64_t first = 0;  // of `targets`, that row 0's own
  int64_t parts = 1;  // rows in a row that are one picture's: only those of other pictures are negatives
  double temperature = 0.2;
};
// InfoNCE (van den Oord et al. 2018): the mean over rows (N, D) of -ln(e^(cos(r, own)/T) / sum of e^(cos(r,
// t)/T) over its own target and those of other pictures). `targets` (M, D): those of all ranks. With equal
// rows it is ln(1 + M - parts).
at::Tensor ContrastLoss(const at::Tensor& targets, const at::Tensor& rows, const ContrastedRows& contrasted);

// Of pooled features (B, D) of two versions of the same pictures, without gradient.
struct FeatureAgreement {
  at::Tensor same;  // scalar: the mean cosine of a picture's two versions
  at::Tensor
      other;  // scalar: of one version of a picture and the other version of another; 0 of a single picture
};
FeatureAgreement CompareFeatures(const at::Tensor& one, const at::Tensor& other);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_CONSISTENCY_H_
