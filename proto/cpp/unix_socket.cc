#include "proto/cpp/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pretext {

size_t LongestSocketPath() { return sizeof(sockaddr_un::sun_path) - 1; }

bool SomebodyListens(const std::string& path) {
  if (path.size() > LongestSocketPath()) return false;
  const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (client < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  // EAGAIN: so many wait to be let in that somebody must be there.
  const bool listens =
      connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 || errno == EAGAIN;
  close(client);
  return listens;
}

}  // namespace pretext
