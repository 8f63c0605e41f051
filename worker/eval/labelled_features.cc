#include "worker/eval/labelled_features.h"

#include <c10/util/Exception.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {

absl::Status CheckFeatures(absl::string_view who, const at::Tensor& features, int64_t size) {
  if (!features.defined() || features.dim() != 2 || features.size(1) != size || size < 1 ||
      !features.is_floating_point()) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": features are ", features.defined() ? c10::str(features.sizes()) : "undefined",
                     "; rows of ", size, " floating-point numbers are needed"));
  }
  // A sum is finite only if every number is; one that overflows a double is of no use either.
  if (features.numel() > 0 && !std::isfinite(features.detach().abs().sum(at::kDouble).item<double>())) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": some features are not finite: the network's weights have diverged"));
  }
  return absl::OkStatus();
}

absl::Status CheckLabelledFeatures(absl::string_view who, const at::Tensor& features,
                                   absl::Span<const int64_t> labels, int classes) {
  const int64_t size = features.defined() && features.dim() == 2 ? features.size(1) : 0;
  PRETEXT_RETURN_IF_ERROR(CheckFeatures(who, features, size));
  if (features.size(0) != static_cast<int64_t>(labels.size()) || labels.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": ", features.size(0), " features and ", labels.size(), " labels"));
  }
  for (int64_t label : labels) {
    if (label < 0 || label >= classes) {
      return absl::InvalidArgumentError(
          absl::StrCat(who, ": label ", label, " is not one of ", classes, " classes"));
    }
  }
  return absl::OkStatus();
}

}  // namespace pretext
