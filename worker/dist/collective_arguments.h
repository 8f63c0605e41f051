#ifndef PRETEXT_WORKER_DIST_COLLECTIVE_ARGUMENTS_H_
#define PRETEXT_WORKER_DIST_COLLECTIVE_ARGUMENTS_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <vector>

#include "absl/status/status.h"

namespace pretext {

// What every process group asks of its callers. INVALID_ARGUMENT says which tensor or rank is at fault.

// All of one floating-point type.
absl::Status CheckReducible(const std::vector<at::Tensor>& tensors);
// At least one dimension.
absl::Status CheckGatherable(const at::Tensor& tensor);
// A rank of the gang.
absl::Status CheckRoot(int root, int world_size);

// INTERNAL: what GradientSync::Finish says of the parameter with number `index` of `count`.
absl::Status NoGradientError(const at::Tensor& parameter, size_t index, size_t count);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_COLLECTIVE_ARGUMENTS_H_
