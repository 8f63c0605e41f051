#ifndef PRETEXT_PROTO_CPP_GRPC_STATUS_H_
#define PRETEXT_PROTO_CPP_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace pretext {

// Between absl::Status and what gRPC sends. Codes and messages are kept; the structured details of
// proto/cpp/error_details.h travel as google.rpc.Status in the trailer "grpc-status-details-bin". An error
// without a reason is given one named after its code, so that every error carries an ErrorInfo. What is sent
// stays below the 8 KiB of metadata that gRPC's peers take by default: longer messages are cut.
grpc::Status ToGrpcStatus(const absl::Status& status);

absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_GRPC_STATUS_H_
