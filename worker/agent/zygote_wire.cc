#include "worker/agent/zygote_wire.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>

namespace pretext {
namespace {

struct Header {
  int64_t id;
  int32_t kind;
  int32_t first;
  int32_t second;
  uint32_t log_bytes;
  uint64_t body_bytes;
};

bool SendAll(int socket, const void* data, size_t bytes) {
  const char* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t sent = send(socket, next, bytes, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    next += sent;
    bytes -= static_cast<size_t>(sent);
  }
  return true;
}

bool ReceiveAll(int socket, void* data, size_t bytes) {
  char* next = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = recv(socket, next, bytes, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    next += got;
    bytes -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

bool SendMessage(int socket, const ZygoteMessage& message) {
  const Header header = {message.id,
                         message.kind,
                         message.first,
                         message.second,
                         static_cast<uint32_t>(message.log.size()),
                         message.body.size()};
  return SendAll(socket, &header, sizeof(header)) &&
         SendAll(socket, message.log.data(), message.log.size()) &&
         SendAll(socket, message.body.data(), message.body.size());
}

bool ReceiveMessage(int socket, ZygoteMessage* message) {
  Header header;
  if (!ReceiveAll(socket, &header, sizeof(header))) return false;
  message->id = header.id;
  message->kind = static_cast<ZygoteMessage::Kind>(header.kind);
  message->first = header.first;
  message->second = header.second;
  message->log.resize(header.log_bytes);
  message->body.resize(header.body_bytes);
  return ReceiveAll(socket, message->log.data(), header.log_bytes) &&
         ReceiveAll(socket, message->body.data(), header.body_bytes);
}

}  // namespace pretext
