#ifndef PRETEXT_PROTO_CPP_UTF8_H_
#define PRETEXT_PROTO_CPP_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// Whether all of `text` is valid UTF-8 (Unicode 15, table 3-7), as strings of messages and of JSON must be.
bool IsValidUtf8(absl::string_view text);

// `text` with each byte that is not part of valid UTF-8 written as an escape: "caf\xE9.jpg". For names of
// files, which may hold any bytes and must stay recognisable in messages.
std::string EscapeStrayBytes(absl::string_view text);

// `text` with each byte that is not part of valid UTF-8 replaced by U+FFFD. A message with one such byte is
// refused whole by its receiver, however often it is sent.
std::string ToValidUtf8(absl::string_view text);

// The start of `text` that has at most `bytes` bytes, at most 3 fewer where `text` is longer, and ends with a
// whole character; a run of stray bytes is cut anywhere.
absl::string_view CutUtf8(absl::string_view text, size_t bytes);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_UTF8_H_
