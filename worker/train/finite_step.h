#ifndef PRETEXT_WORKER_TRAIN_FINITE_STEP_H_
#define PRETEXT_WORKER_TRAIN_FINITE_STEP_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "worker/optim/parameter_groups.h"

namespace pretext {

// Whether a step's loss and gradient norm are numbers: OK, without looking at a tensor; or ABORTED, reason
// NON_FINITE, naming stage, step, value and the first parameters of `groups` whose gradient or weight is not
// finite now. Check before a checkpoint is taken: one with spoilt weights would spoil every resume.
absl::Status CheckFinite(absl::string_view stage, int64_t step, double loss, double gradient_norm,
                         const std::vector<ParameterGroup>& groups);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_FINITE_STEP_H_
