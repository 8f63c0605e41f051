#include "server/coordinator/output_ownership.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/quoted_text.h"

namespace pretext {
namespace {

// However it is written: without "." and "..", and without a slash at its end.
std::filesystem::path Normal(const std::string& folder) {
  const std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

absl::Status InUse(const std::string& output, absl::string_view why) {
  FieldViolations violations;
  violations.Add("output", absl::StrCat(Quoted(output), " ", why));
  // The spec is not at fault: the same would do at another time.
  const absl::Status invalid = violations.ToStatus();
  absl::Status in_use = absl::FailedPreconditionError(invalid.message());
  in_use.SetPayload(kStatusDetailsKey, invalid.GetPayload(kStatusDetailsKey).value());
  return WithReason(std::move(in_use), "OUTPUT_IN_USE");
}

}  // namespace

absl::Status CheckOutputIsFree(const ClusterState& state, const std::string& output, absl::string_view job) {
  const std::filesystem::path folder = Normal(output);
  for (const auto& [name, other] : state.jobs()) {
    if (name == job || Normal(other.spec.output()) != folder) continue;
    const std::string whose =
        absl::StrCat("is the folder of ", name, " (", v1::Job::State_Name(other.state), ")");
    if (!other.settled()) {
      return InUse(output, absl::StrCat(whose, "; choose another, or wait for the end of that job"));
    }
    if (other.attempt == 0) continue;  // it ended before it wrote anything
    return InUse(output,
                 absl::StrCat(whose, "; `pretext restart ", name,
                              "` continues that job. For a new one choose another folder, or `pretext "
                              "delete ",
                              name, "` and remove the folder"));
  }
  return absl::OkStatus();
}

absl::Status CheckHoldsNoResults(const std::string& output) {
  for (const char* result : {"job.yaml", "checkpoints"}) {
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::path(output) / result, error)) continue;
    return InUse(output, absl::StrCat("holds the results of a job that is not here any more (", result,
                                      "); choose another, or remove or rename that folder"));
  }
  return absl::OkStatus();
}

}  // namespace pretext
