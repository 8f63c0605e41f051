#ifndef PRETEXT_PROTO_CPP_QUOTED_TEXT_H_
#define PRETEXT_PROTO_CPP_QUOTED_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// What others wrote, made fit for messages. Pure.

// At most `most` bytes of `text`, cut between two characters; a text that is cut ends in "...".
std::string CutBytes(absl::string_view text, size_t most);

// `text` between single quotes. Of a long one its beginning and its end; bytes that are no UTF-8 and control
// characters are written as \xff and \n.
std::string Quoted(absl::string_view text);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_QUOTED_TEXT_H_
