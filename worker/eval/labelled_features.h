#ifndef PRETEXT_WORKER_EVAL_LABELLED_FEATURES_H_
#define PRETEXT_WORKER_EVAL_LABELLED_FEATURES_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace pretext {

// What every probe asks of its inputs. `who` begins the message.

// INVALID_ARGUMENT unless features are (N, size) floating point and finite; any N.
absl::Status CheckFeatures(absl::string_view who, const at::Tensor& features, int64_t size);

// INVALID_ARGUMENT unless features are (N, D) as above with N >= 1 and there is one label in 0 .. classes - 1
// for each.
absl::Status CheckLabelledFeatures(absl::string_view who, const at::Tensor& features,
                                   absl::Span<const int64_t> labels, int classes);

}  // namespace pretext

#endif  // PRETEXT_WORKER_EVAL_LABELLED_FEATURES_H_
