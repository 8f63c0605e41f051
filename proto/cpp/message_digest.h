#ifndef PRETEXT_PROTO_CPP_MESSAGE_DIGEST_H_
#define PRETEXT_PROTO_CPP_MESSAGE_DIGEST_H_

#include <string>

#include "google/protobuf/message_lite.h"

namespace pretext {

// SHA-256 of a message, in hex. Equal messages have equal digests, whatever the order of their maps' entries.
std::string DigestOfMessage(const google::protobuf::MessageLite& message);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_MESSAGE_DIGEST_H_
