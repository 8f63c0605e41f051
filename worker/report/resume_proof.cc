#include "worker/report/resume_proof.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

// Sums in another order (another number of ranks or threads) differ by so much, relative to the value.
constexpr double kRounding = 1e-4;

}  // namespace

absl::optional<Remark> ResumeProof::Compare(int64_t step, double loss) {
  const auto found = before_.find(step);
  if (found == before_.end()) return absl::nullopt;
  const double before = found->second;
  before_.clear();
  Remark remark;
  const std::string place =
      absl::StrFormat("resumed after step %d: loss %.6g at step %d", resumed_after_, loss, step);
  if (loss == before || (std::isnan(loss) && std::isnan(before))) {
    remark.text = absl::StrFormat("%s, the same as before", place);
    return remark;
  }
  const double difference = std::abs(loss - before) / std::max(std::abs(before), 1e-12);
  if (difference <= kRounding) {
    remark.text =
        absl::StrFormat("%s, %.9g before: the same but for rounding (%.1g)", place, before, difference);
    return remark;
  }
  remark.severity = v1::LogLine::WARNING;
  remark.text = absl::StrFormat(
      "%s, but %.6g before: training does not go on where it was. Was the data, the number of ranks or the "
      "program changed in between?",
      place, before);
  return remark;
}

}  // namespace pretext
