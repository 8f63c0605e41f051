#ifndef PRETEXT_WORKER_EVAL_LINEAR_PROBE_H_
#define PRETEXT_WORKER_EVAL_LINEAR_PROBE_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace pretext {

struct LinearProbeOptions {
  // L2 penalties tried, on the mean loss over standardised features; the biases are free.
  std::vector<double> penalties = {1e-4, 1e-3, 1e-2, 1e-1, 1};
  uint64_t seed = 0;         // of the draw that holds a fifth out
  int max_iterations = 300;  // of L-BFGS, for each fit
};

// A linear classifier on frozen features.
struct LinearProbe {
  at::Tensor mean, scale;  // (D) features are standardised by (x - mean) * scale; 0 for constant ones
  at::Tensor weight;       // (D, classes) float
  at::Tensor bias;         // (classes)

  double penalty = 0;            // the one chosen
  double held_out_accuracy = 0;  // under it, on the held-out fifth; 0 when there was no choice to make
  bool converged = false;        // the last fit's gradient fell under its bound
  int iterations = 0;            // of the last fit

  at::Tensor Logits(const at::Tensor& features) const;             // (N, D) -> (N, classes)
  std::vector<int64_t> Predict(const at::Tensor& features) const;  // the lowest class among equals
};

// Softmax regression by L-BFGS. features (N, D), any floating type, computed on their device; labels (N) in
// 0 .. classes - 1. The penalty is chosen by accuracy on a fifth of each class's pictures, drawn by the seed
// (then by loss, then the larger), and the classifier fitted again on all. Deterministic on a CPU.
// INVALID_ARGUMENT: shapes, labels or penalties do not make sense, or features are not finite.
absl::StatusOr<LinearProbe> FitLinearProbe(const at::Tensor& features, absl::Span<const int64_t> labels,
                                           int classes, const LinearProbeOptions& options = {});

// A warning for people when the last fit ended by its number of iterations; empty when it did not.
std::string ConvergenceRemark(const LinearProbe& probe);

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_LINEAR_PROBE_H_
