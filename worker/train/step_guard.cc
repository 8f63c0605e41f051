#include "worker/train/step_guard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <new>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/log.h"

namespace pretext {
namespace {

constexpr size_t kNamesShown = 3;

// How LibTorch's allocators and the libraries below it say so; there is a type for the GPU's alone.
bool TellsOfNoMemory(absl::string_view what) {
  const std::string lower = absl::AsciiStrToLower(what);
  for (const char* words : {"out of memory", "can't allocate memory", "could not allocate memory",
                            "not enough memory", "alloc_failed"}) {
    if (absl::StrContains(lower, words)) return true;
  }
  return false;
}

absl::Status OutOfMemory(absl::string_view what) {
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "out of memory: ", what,
          ". Choose a smaller batch_size, a larger accumulation (the same batch in more parts), a smaller "
          "image_size or backbone, or lower data.cache_bytes")),
      "OUT_OF_MEMORY");
}

absl::Status Fault(absl::string_view what, absl::string_view with_stack) {
  if (TellsOfNoMemory(what)) return OutOfMemory(what);
  Log(LogSeverity::kError, "exception caught", {{"what", with_stack}});
  return absl::InternalError(absl::StrCat("a fault of the program: ", what));
}

bool IsFinite(const at::Tensor& tensor) { return at::isfinite(tensor).all().item<bool>(); }

// "a, b, c and 14 more"
std::string FirstOf(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  if (shown < names.size()) absl::StrAppend(&text, " and ", names.size() - shown, " more");
  return text;
}

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
  if (!gradients.empty()) absl::StrAppend(&text, "the gradient of ", FirstOf(gradients));
  if (!weights.empty()) {
    absl::StrAppend(&text, gradients.empty() ? "" : "; ", "the weights of ", FirstOf(weights));
  }
  return text;
}

std::string Number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return absl::StrCat(value);
}

}  // namespace

absl::Status Guarded(absl::FunctionRef<absl::Status()> body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError& error) {
    return OutOfMemory(error.what_without_backtrace());
  } catch (const c10::DistError& error) {
    return WithReason(
        absl::UnavailableError(absl::StrCat("a collective failed: ", error.what_without_backtrace())),
        "PEER_LOST");
  } catch (const c10::Error& error) {
    return Fault(error.what_without_backtrace(), error.what());
  } catch (const std::bad_alloc& error) {
    return OutOfMemory("the machine has no more");
  } catch (const std::exception& error) {
    return Fault(error.what(), error.what());
  } catch (...) {
    return Fault("an exception of unknown type", "unknown");
  }
}

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
