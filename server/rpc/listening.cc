#include "server/rpc/listening.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "grpcpp/security/server_credentials.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/unix_socket.h"

namespace pretext {
namespace {

constexpr mode_t kOwnerOnly = 0177;

absl::Status PrepareSocket(const std::string& path) {
  if (path.empty() || path[0] != '/') {
    return absl::InvalidArgumentError(absl::StrCat("unix:", path, ": the path of a socket must be absolute"));
  }
  if (path.size() > LongestSocketPath()) {
    return absl::InvalidArgumentError(
        absl::StrCat("unix:", path, ": has ", path.size(), " bytes, and Linux allows a socket's path ",
                     LongestSocketPath(), "; use a state folder with a shorter path"));
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error)
    return absl::UnavailableError(absl::StrCat("unix:", path, ": cannot make its folder: ", error.message()));
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) {
    return absl::UnavailableError(absl::StrCat("unix:", path, ": a file that is no socket is in the way"));
  }
  if (SomebodyListens(path)) {
    return absl::UnavailableError(absl::StrCat("unix:", path, ": another program listens there"));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("unix:", path, ": cannot remove the old socket: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status PrepareAddress(absl::string_view address) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    while (absl::StartsWith(path, "//")) path.remove_prefix(1);  // unix:///path is unix:/path
    return PrepareSocket(std::string(path));
  }
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) {
    return absl::InvalidArgumentError(absl::StrCat(Quoted(address), " is neither host:port nor unix:/path"));
  }
  int port = 0;  // gRPC would take any number, less what goes beyond 16 bits
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(address), ": the port must be a number from 0, for any free one, to 65535"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<grpc::Server>> Listen(grpc::ServerBuilder* builder,
                                                     std::vector<std::string>* addresses) {
  for (const std::string& address : *addresses) PRETEXT_RETURN_IF_ERROR(PrepareAddress(address));
  std::vector<int> ports(addresses->size());
  for (size_t i = 0; i < ports.size(); ++i) {
    builder->AddListeningPort((*addresses)[i], grpc::InsecureServerCredentials(), &ports[i]);
  }
  const mode_t before = umask(kOwnerOnly);
  std::unique_ptr<grpc::Server> server = builder->BuildAndStart();
  umask(before);
  for (size_t i = 0; i < ports.size(); ++i) {
    std::string& address = (*addresses)[i];
    if (ports[i] == 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": is the port taken?"));
    }
    if (!absl::StartsWith(address, "unix:")) {
      address = absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[i]);
    }
  }
  if (server == nullptr) return absl::InternalError("the gRPC server did not start; its log says why");
  return server;
}

}  // namespace pretext
