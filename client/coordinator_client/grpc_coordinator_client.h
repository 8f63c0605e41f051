#ifndef PRETEXT_CLIENT_COORDINATOR_CLIENT_GRPC_COORDINATOR_CLIENT_H_
#define PRETEXT_CLIENT_COORDINATOR_CLIENT_GRPC_COORDINATOR_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "client/coordinator_client/coordinator_client.h"
#include "proto/cpp/retry_policy.h"

namespace pretext {

struct GrpcClientOptions {
  // "host:port" or "unix:PATH".
  std::string address;
  // Of one unary call. Streams have none.
  absl::Duration call_timeout = absl::Seconds(20);
  RetryPolicy retry;
  uint64_t seed = 0;  // of the backoff's jitter
  // Waits between tries; `why` is what the last one failed with. Required.
  std::function<void(absl::Duration, const absl::Status& why)> wait;
};

// Connects when first used; an address that nobody listens on shows as UNAVAILABLE then.
std::unique_ptr<CoordinatorClient> MakeGrpcCoordinatorClient(GrpcClientOptions options);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COORDINATOR_CLIENT_GRPC_COORDINATOR_CLIENT_H_
