#ifndef PRETEXT_WORKER_LOSSES_SLOW_REFERENCE_H_
#define PRETEXT_WORKER_LOSSES_SLOW_REFERENCE_H_

// The losses again, number by number in double precision, straight from their definitions. Tests only.

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace pretext::slow {

// A tensor's numbers in row-major order.
inline std::vector<double> Numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// ln sum e^x.
inline double LogSumExp(const std::vector<double>& logits) {
  const double top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (double logit : logits) sum += std::exp(logit - top);
  return top + std::log(sum);
}

// The (1 + K) logits of each row, positive first, and softmax cross entropy with target 0.
inline double InfoNce(const at::Tensor& query, const at::Tensor& key, const at::Tensor& queue,
                      double temperature) {
  const int64_t n = query.size(0), d = query.size(1), k = queue.size(0);
  const auto q = Numbers(query), own = Numbers(key), others = Numbers(queue);
  const auto dot = [d](const double* a, const double* b) {
    double sum = 0;
    for (int64_t i = 0; i < d; ++i) sum += a[i] * b[i];
    return sum;
  };
  double total = 0;
  for (int64_t row = 0; row < n; ++row) {
    std::vector<double> logits = {dot(&q[row * d], &own[row * d]) / temperature};
    for (int64_t i = 0; i < k; ++i) logits.push_back(dot(&q[row * d], &others[i * d]) / temperature);
    total += LogSumExp(logits) - logits[0];
  }
  return total / n;
}

// logits (N, C), targets (N, C) of distributions, one weight a row: mean over N of w * -sum t ln p.
inline double SoftCrossEntropy(const at::Tensor& logits, const at::Tensor& targets,
                               const std::vector<double>& weights) {
  const int64_t n = logits.size(0), c = logits.size(1);
  const auto x = Numbers(logits), t = Numbers(targets);
  double total = 0;
  for (int64_t row = 0; row < n; ++row) {
    const std::vector<double> values(x.begin() + row * c, x.begin() + (row + 1) * c);
    const double partition = LogSumExp(values);
    for (int64_t i = 0; i < c; ++i) total += weights[row] * t[row * c + i] * (partition - values[i]);
  }
  return total / n;
}

}  // namespace pretext::slow

#endif  // PRETEXT_WORKER_LOSSES_SLOW_REFERENCE_H_
