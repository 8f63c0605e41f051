#include "proto/cpp/error_details.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace pretext {
namespace {

constexpr char kDomain[] = "pretext";

google::rpc::Status GetDetails(const absl::Status& status) {
  google::rpc::Status details;
  absl::optional<absl::Cord> payload = status.GetPayload(kStatusDetailsKey);
  if (payload.has_value() && !details.ParseFromString(std::string(*payload))) details.Clear();
  return details;
}

void SetDetails(absl::Status& status, google::rpc::Status details) {
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  status.SetPayload(kStatusDetailsKey, absl::Cord(details.SerializeAsString()));
}

}  // namespace

void FieldViolations::Add(std::string field, std::string description) {
  violations_.push_back({std::move(field), std::move(description)});
}

absl::Status FieldViolations::ToStatus(absl::string_view reason) const {
  if (empty()) return absl::OkStatus();
  std::string message;
  google::rpc::BadRequest bad_request;
  for (const FieldViolation& violation : violations_) {
    absl::StrAppend(&message, message.empty() ? "" : "\n", violation.field,
                    violation.field.empty() ? "" : ": ", violation.description);
    auto* added = bad_request.add_field_violations();
    added->set_field(violation.field);
    added->set_description(violation.description);
  }
  absl::Status status = absl::InvalidArgumentError(message);
  google::rpc::Status details;
  details.add_details()->PackFrom(bad_request);
  SetDetails(status, std::move(details));
  return WithReason(std::move(status), reason);
}

absl::Status WithReason(absl::Status status, absl::string_view reason,
                        const std::map<std::string, std::string>& metadata) {
  if (status.ok()) return status;
  google::rpc::Status details = GetDetails(status);
  for (int i = details.details_size() - 1; i >= 0; --i) {
    if (details.details(i).Is<google::rpc::ErrorInfo>()) details.mutable_details()->DeleteSubrange(i, 1);
  }
  google::rpc::ErrorInfo cause;
  cause.set_reason(std::string(reason));
  cause.set_domain(kDomain);
  cause.mutable_metadata()->insert(metadata.begin(), metadata.end());
  details.add_details()->PackFrom(cause);
  SetDetails(status, std::move(details));
  return status;
}

std::string GetReason(const absl::Status& status) {
  const google::rpc::Status details = GetDetails(status);
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo cause;
    if (detail.UnpackTo(&cause)) return cause.reason();
  }
  return "";
}

std::vector<FieldViolation> GetFieldViolations(const absl::Status& status) {
  std::vector<FieldViolation> violations;
  const google::rpc::Status details = GetDetails(status);
  for (const auto& detail : details.details()) {
    google::rpc::BadRequest bad_request;
    if (!detail.UnpackTo(&bad_request)) continue;
    for (const auto& violation : bad_request.field_violations()) {
      violations.push_back({violation.field(), violation.description()});
    }
  }
  return violations;
}

}  // namespace pretext
