#ifndef PRETEXT_WORKER_EVAL_KNN_PROBE_H_
#define PRETEXT_WORKER_EVAL_KNN_PROBE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace pretext {

struct KnnOptions {
  int neighbours = 20;        // at most as many as there are reference pictures are used
  double temperature = 0.07;  // of a vote's weight, e^(similarity / T)
};

struct KnnResult {
  std::vector<int64_t> predictions;  // (M) the class with most votes; the lowest of equals
  // (M, classes) float, the logarithm of each class's share of the votes; minus infinity for a class that
  // no neighbour belongs to, which therefore never scores (metrics.h).
  at::Tensor scores;
};

// Weighted vote of the nearest neighbours by cosine similarity (Wu et al. 2018; Caron et al. 2021).
// reference (N, D), queries (M, D): any floating type and device; labels (N) in 0 .. classes - 1. Of equally
// similar pictures the earlier counts. Deterministic; needs no training. INVALID_ARGUMENT: shapes, labels or
// options do not make sense, or features are not finite.
absl::StatusOr<KnnResult> KnnProbe(const at::Tensor& reference, absl::Span<const int64_t> labels, int classes,
                                   const at::Tensor& queries, const KnnOptions& options = {});

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_KNN_PROBE_H_
