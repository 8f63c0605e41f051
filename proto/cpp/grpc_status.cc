#include "proto/cpp/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "proto/cpp/error_details.h"

namespace pretext {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  absl::Status detailed = FitToSend(status);
  if (GetReason(detailed).empty()) detailed = WithReason(detailed, absl::StatusCodeToString(status.code()));
  absl::optional<absl::Cord> details = detailed.GetPayload(kStatusDetailsKey);
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(detailed.message()),
                      details.has_value() ? std::string(*details) : "");
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  if (!status.error_details().empty()) {
    result.SetPayload(kStatusDetailsKey, absl::Cord(status.error_details()));
  }
  return result;
}

}  // namespace pretext
