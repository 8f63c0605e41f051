#include "proto/cpp/error_details.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/cpp/quoted_text.h"

namespace pretext {
namespace {

constexpr char kDomain[] = "pretext";

// gRPC takes 8 KiB of metadata with an answer. The message stands there percent-encoded, and once more in the
// details, which repeat each fault and are written in base64: 4 bytes for 3. With these bounds all of it has
// less than 7 KiB.
constexpr size_t kMostMessageBytes = 1600;
constexpr size_t kMostFaultBytes = 600;
constexpr size_t kMostFieldBytes = 200;
constexpr size_t kMostMetadataBytes = 160;
constexpr size_t kMostFaults = 40;
constexpr size_t kRoomForTheRest = 40;  // "... and 212 more faults"

// Of `text` once percent-encoded.
size_t EncodedBytes(absl::string_view text) {
  size_t bytes = 0;
  for (const unsigned char c : text) bytes += c >= 0x20 && c < 0x7F && c != '%' ? 1 : 3;
  return bytes;
}

// The longest beginning of `text` that has at most `most` bytes once percent-encoded.
std::string CutEncoded(absl::string_view text, size_t most) {
  if (EncodedBytes(text) <= most) return std::string(text);
  size_t kept = 0;
  for (size_t bytes = 0; kept < text.size(); ++kept) {
    bytes += EncodedBytes(text.substr(kept, 1));
    if (bytes > most) break;
  }
  return CutBytes(text, kept);
}

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

void FieldViolations::Add(const std::string& field, const std::string& description) {
  violations_.push_back({CutBytes(field, kMostFieldBytes), CutBytes(description, kMostFaultBytes)});
}

absl::Status FieldViolations::ToStatus(absl::string_view reason) const {
  if (empty()) return absl::OkStatus();
  std::string message;
  google::rpc::BadRequest bad_request;
  const auto add = [&](const FieldViolation& violation) {
    const std::string line =
        absl::StrCat(violation.field, violation.field.empty() ? "" : ": ", violation.description);
    absl::StrAppend(&message, message.empty() ? "" : "\n", line);
    auto* added = bad_request.add_field_violations();
    added->set_field(violation.field);
    added->set_description(violation.description);
  };
  size_t told = 0;
  for (size_t bytes = 0; told < violations_.size() && told < kMostFaults; ++told) {
    const FieldViolation& violation = violations_[told];
    bytes += EncodedBytes(violation.field) + EncodedBytes(violation.description) + 5;  // ": " and a line end
    if (told > 0 && bytes > kMostMessageBytes - kRoomForTheRest) break;
    add(violation);
  }
  if (told < violations_.size())
    add({"", absl::StrCat("... and ", violations_.size() - told, " more faults")});
  absl::Status status = absl::InvalidArgumentError(message);
  google::rpc::Status details;
  details.add_details()->PackFrom(bad_request);
  SetDetails(status, std::move(details));
  return WithReason(std::move(status), reason);
}

absl::Status FitToSend(const absl::Status& status) {
  const std::string message = CutEncoded(status.message(), kMostMessageBytes);
  if (message.size() == status.message().size()) return status;
  absl::Status fit(status.code(), message);
  google::rpc::Status details = GetDetails(status);
  SetDetails(fit, std::move(details));
  return fit;
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
  for (const auto& [key, value] : metadata)
    (*cause.mutable_metadata())[key] = CutBytes(value, kMostMetadataBytes);
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
