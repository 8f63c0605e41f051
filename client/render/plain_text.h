#ifndef PRETEXT_CLIENT_RENDER_PLAIN_TEXT_H_
#define PRETEXT_CLIENT_RENDER_PLAIN_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// Texts made fit for a terminal. Pure.

// What others wrote (names, reasons, log lines) as one line that cannot steer a terminal: line ends and other
// control characters become blanks, bytes that are no UTF-8 become '?'.
std::string OneLine(absl::string_view text);

// Columns of a terminal; every character counts as one.
int DisplayWidth(absl::string_view text);

// At most `width` columns; a text that is cut ends in "...".
std::string CutTo(absl::string_view text, int width);

// `text` as one word of a shell's command line.
std::string ShellWord(absl::string_view text);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_RENDER_PLAIN_TEXT_H_
