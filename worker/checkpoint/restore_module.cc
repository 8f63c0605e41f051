#include "worker/checkpoint/restore_module.h"

#include <ATen/core/grad_mode.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/models/weights.h"

namespace pretext {

absl::Status RestoreModule(const std::string& file, const std::map<std::string, at::Tensor>& saved,
                           const torch::nn::Module& module) {
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : MakeStateDict(module)) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.sizes() != tensor.sizes()) {
      return absl::DataLossError(absl::StrCat("checkpoint: ", file, " has no ", name, " of shape (",
                                              absl::StrJoin(tensor.sizes(), ", "),
                                              "); it is another program's or another job's"));
    }
    tensor.copy_(found->second);
  }
  return absl::OkStatus();
}

}  // namespace pretext
