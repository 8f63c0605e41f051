#include "worker/dist/collective_arguments.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {
namespace {

std::string Shape(const at::Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.sizes(), ", "), "]");
}

}  // namespace

absl::Status CheckReducible(const std::vector<at::Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!tensors[i].defined() || !tensors[i].is_floating_point() ||
        tensors[i].scalar_type() != tensors[0].scalar_type()) {
      return absl::InvalidArgumentError(
          absl::StrCat("AllReduceMean: tensor ", i, " of ", tensors.size(), " is ",
                       tensors[i].defined() ? c10::toString(tensors[i].scalar_type()) : "undefined",
                       "; all must be of one floating-point type"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckGatherable(const at::Tensor& tensor) {
  if (tensor.defined() && tensor.dim() > 0) return absl::OkStatus();
  return absl::InvalidArgumentError("AllGather: the tensor is a scalar or undefined; it must be (N, ...)");
}

absl::Status CheckRoot(int root, int world_size) {
  if (root >= 0 && root < world_size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("Broadcast: rank ", root, " is not of this gang; its ranks are 0 to ", world_size - 1));
}

absl::Status NoGradientError(const at::Tensor& parameter, size_t index, size_t count) {
  return absl::InternalError(absl::StrCat(
      "parameter ", index, " of ", count, " (counted from 0, of shape ", Shape(parameter),
      ") got no gradient in the step's last backward pass; let the loss depend on it or sync without it"));
}

}  // namespace pretext
