#ifndef PRETEXT_WORKER_DIST_LISTENING_SOCKET_H_
#define PRETEXT_WORKER_DIST_LISTENING_SOCKET_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace pretext {

// A TCP socket bound to a free port of one address of this machine. Not yet listening; closed with this.
class ListeningSocket {
 public:
  // `host`: a name or address of this machine. INVALID_ARGUMENT: it is none.
  static absl::StatusOr<ListeningSocket> BindTo(const std::string& host);

  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  uint16_t port() const { return port_; }
  int descriptor() const { return descriptor_; }
  // Gives the socket to the caller, who closes it.
  int Release();

 private:
  ListeningSocket(int descriptor, uint16_t port) : descriptor_(descriptor), port_(port) {}

  int descriptor_;
  uint16_t port_;
};

// "host:port", with brackets around an IPv6 address, and back. INVALID_ARGUMENT: it is not of that form.
std::string JoinHostPort(const std::string& host, uint16_t port);
struct HostPort {
  std::string host;
  uint16_t port = 0;
};
absl::StatusOr<HostPort> SplitHostPort(const std::string& address);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_LISTENING_SOCKET_H_
