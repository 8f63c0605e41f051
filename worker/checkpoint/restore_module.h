#ifndef PRETEXT_WORKER_CHECKPOINT_RESTORE_MODULE_H_
#define PRETEXT_WORKER_CHECKPOINT_RESTORE_MODULE_H_

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <map>
#include <string>

#include "absl/status/status.h"

namespace pretext {

// Copies every parameter and buffer of `module` out of a checkpoint's `file`, whatever else is in it.
// DATA_LOSS: a tensor is missing or of another shape.
absl::Status RestoreModule(const std::string& file, const std::map<std::string, at::Tensor>& saved,
                           const torch::nn::Module& module);

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_RESTORE_MODULE_H_
