#ifndef PRETEXT_PROTO_CPP_VERSION_H_
#define PRETEXT_PROTO_CPP_VERSION_H_

namespace pretext {

// Of all programs.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_VERSION_H_
