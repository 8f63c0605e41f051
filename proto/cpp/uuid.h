#ifndef PRETEXT_PROTO_CPP_UUID_H_
#define PRETEXT_PROTO_CPP_UUID_H_

#include <string>

namespace pretext {

// A random UUID (version 4), never the same twice. Any thread.
std::string MakeUuid();

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_UUID_H_
