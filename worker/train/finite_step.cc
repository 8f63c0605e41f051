#include "worker/train/finite_step.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/few_names.h"

namespace pretext {
namespace {

constexpr size_t kNamesShown = 3;

bool IsFinite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

std::string DescribeWhatWentBad(const std::vector<ParameterGroup>& groups) {
  at::NoGradGuard no_grad;
  std::vector<std::string> gradients, weights;
  for (const ParameterGroup& group : groups) {
    for (const auto& [name, parameter] : group.parameters) {
      if (parameter.grad().defined() && !IsFinite(parameter.grad())) gradients.push_back(name);
      if (!IsFinite(parameter)) weights.push_back(name);
    }
  }
  if (gradients.empty() && weights.empty()) return "every gradient and weight is finite";
  std::string text = "not finite: ";
  if (!gradients.empty()) absl::StrAppend(&text, "the gradient of ", FewNames(gradients, kNamesShown));
  if (!weights.empty()) {
    absl::StrAppend(&text, gradients.empty() ? "" : "; ", "the weights of ", FewNames(weights, kNamesShown));
  }
  return text;
}

std::string Number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return absl::StrCat(value);
}

}  // namespace

absl::Status CheckFinite(absl::string_view stage, int64_t step, double loss, double gradient_norm,
                         const std::vector<ParameterGroup>& groups) {
  if (std::isfinite(loss) && std::isfinite(gradient_norm)) return absl::OkStatus();
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "stage ", stage, ", step ", step, ": the loss is ", Number(loss), " and the gradients' norm ",
          Number(gradient_norm), "; ", DescribeWhatWentBad(groups),
          ". Lower optimizer.learning_rate, set optimizer.clip_norm, lengthen the warm-up, or set precision "
          "FP32")),
      "NON_FINITE", {{"stage", std::string(stage)}, {"step", absl::StrCat(step)}});
}

}  // namespace pretext
