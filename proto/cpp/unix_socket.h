#ifndef PRETEXT_PROTO_CPP_UNIX_SOCKET_H_
#define PRETEXT_PROTO_CPP_UNIX_SOCKET_H_

#include <cstddef>
#include <string>

namespace pretext {

// The longest path that Linux allows a socket, in bytes.
size_t LongestSocketPath();

// Whether a program listens on the socket at `path`; never waits for it to answer. False for a path that is
// too long.
bool SomebodyListens(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_UNIX_SOCKET_H_
