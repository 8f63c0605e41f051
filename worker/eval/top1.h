#ifndef PRETEXT_WORKER_EVAL_TOP1_H_
#define PRETEXT_WORKER_EVAL_TOP1_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace pretext {

// Share of predictions that are right, counted one by one; 0 for none. Tests only: elsewhere an accuracy is a
// ConfusionMatrix's.
inline double Top1(absl::Span<const int64_t> predictions, absl::Span<const int64_t> labels) {
  double correct = 0;
  for (size_t i = 0; i < labels.size(); ++i) correct += predictions[i] == labels[i] ? 1 : 0;
  return labels.empty() ? 0 : correct / static_cast<double>(labels.size());
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_TOP1_H_
