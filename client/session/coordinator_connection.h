#ifndef PRETEXT_CLIENT_SESSION_COORDINATOR_CONNECTION_H_
#define PRETEXT_CLIENT_SESSION_COORDINATOR_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/coordinator_client/coordinator_client.h"
#include "client/session/command_context.h"
#include "client/session/embedded_coordinator.h"

namespace pretext {

// "host:port" and "unix:/path" as they are, "/path" as a socket. INVALID_ARGUMENT: it is neither.
absl::StatusOr<std::string> NormalizeAddress(absl::string_view address);

// A client, and what keeps its coordinator alive.
struct CoordinatorConnection {
  std::unique_ptr<EmbeddedCoordinator> embedded;  // null: the coordinator was named
  std::unique_ptr<CoordinatorClient> client;
};

// Connects to `context.server`, else to the embedded coordinator, which is started when nobody serves and
// again when it is lost while a call waits for it. A call gives up after `patience` without an answer.
// `context` outlives the connection. Errors are NormalizeAddress's and EnsureServing's.
absl::StatusOr<CoordinatorConnection> ConnectToCoordinator(const CommandContext& context,
                                                           absl::Duration patience);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_COORDINATOR_CONNECTION_H_
