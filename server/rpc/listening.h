#ifndef PRETEXT_SERVER_RPC_LISTENING_H_
#define PRETEXT_SERVER_RPC_LISTENING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"

namespace pretext {

// Makes sure that `address` can be listened on as written. For "unix:PATH": the path is absolute and short
// enough for a socket, its folder is there and no living program listens on it; a dead one's socket is
// removed. INVALID_ARGUMENT or UNAVAILABLE, with the reason.
absl::Status PrepareAddress(absl::string_view address);

// Builds and starts a server on all of `addresses` with the services that `builder` has; puts the ports that
// were found into them. A socket in the file system is readable and writable by this user only.
absl::StatusOr<std::unique_ptr<grpc::Server>> Listen(grpc::ServerBuilder* builder,
                                                     std::vector<std::string>* addresses);

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_LISTENING_H_
