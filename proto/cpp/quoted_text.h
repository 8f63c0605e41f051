#ifndef PRETEXT_PROTO_CPP_QUOTED_TEXT_H_
#define PRETEXT_PROTO_CPP_QUOTED_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// What others wrote, made fit for messages. Pure.

// At most `most` bytes of `text`, cut between two characters; a text that is cut ends in "...". Stray bytes
// stay.
std::string CutBytes(absl::string_view text, size_t most);

// `text` between single quotes. Bytes that are no UTF-8 and control characters are written as \xFF and \n. Of
// a long one its beginning and its end, 256 bytes together, which become four times as many when all are
// escaped.
std::string Quoted(absl::string_view text);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_QUOTED_TEXT_H_
