#ifndef PRETEXT_WORKER_LOSSES_FEATURE_STATISTICS_H_
#define PRETEXT_WORKER_LOSSES_FEATURE_STATISTICS_H_

#include <ATen/core/Tensor.h>

namespace pretext {

// What tells a collapsed network from a learning one; a falling loss does not. Both take features (N, D) with
// N >= 2, carry no gradient and compute in fp32. Rows are brought to unit length first.

// Scalar tensor: the standard deviation of each dimension over the batch, averaged and times sqrt(D)
// (SimSiam, Chen & He 2021, 4.1). Near 1 for directions spread over the sphere, 0 when all are the same.
at::Tensor FeatureSpread(const at::Tensor& features);

// In how many directions the rows vary: e^H of the normalised singular values of the centred rows (Roy &
// Vetterli 2007). 1 .. min(N - 1, D); 0 when all rows are the same.
double EffectiveRank(const at::Tensor& features);

}  // namespace pretext

#endif  // PRETEXT_WORKER_LOSSES_FEATURE_STATISTICS_H_
