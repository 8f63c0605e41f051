#ifndef PRETEXT_PROTO_CPP_GRPC_DEADLINE_H_
#define PRETEXT_PROTO_CPP_GRPC_DEADLINE_H_

#include <grpcpp/client_context.h>

#include "absl/time/time.h"

namespace pretext {

// Lets a call end with DEADLINE_EXCEEDED `timeout` from now, by the machine's clock: gRPC knows no other.
// Call it before the call is made. An infinite timeout is none.
void SetDeadline(grpc::ClientContext* context, absl::Duration timeout);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_GRPC_DEADLINE_H_
