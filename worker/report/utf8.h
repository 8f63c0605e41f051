#ifndef PRETEXT_WORKER_REPORT_UTF8_H_
#define PRETEXT_WORKER_REPORT_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace pretext {

// `text` with each byte that is not part of valid UTF-8 (Unicode 15, table 3-7) replaced by U+FFFD. A message
// with one such byte is refused whole by its receiver, however often it is sent.
std::string ToValidUtf8(absl::string_view text);

// The start of `text` that ends with a whole character and has at most `bytes` bytes. `text` is valid UTF-8.
absl::string_view CutUtf8(absl::string_view text, size_t bytes);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_UTF8_H_
