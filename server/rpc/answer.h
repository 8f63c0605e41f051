#ifndef PRETEXT_SERVER_RPC_ANSWER_H_
#define PRETEXT_SERVER_RPC_ANSWER_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpcpp/support/server_callback.h"
#include "proto/cpp/grpc_status.h"

namespace pretext {

// Ends a unary call with `status`.
inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Ends a unary call with the value in `result`, or its error.
template <typename Response>
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, absl::StatusOr<Response> result,
                                 Response* response) {
  if (result.ok()) *response = *std::move(result);
  return Answer(context, result.status());
}

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_ANSWER_H_
