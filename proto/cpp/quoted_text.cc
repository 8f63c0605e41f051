#include "proto/cpp/quoted_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/cpp/utf8.h"

namespace pretext {
namespace {

// What a message shows of a name or a value. Paths are often this long and seldom longer.
constexpr size_t kLongestQuote = 256;
constexpr absl::string_view kCut = "...";

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7F; }

std::string EscapedControl(unsigned char c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return absl::StrFormat("\\x%02X", c);
  }
}

std::string Shown(absl::string_view text) {
  std::string shown;
  for (const char c : EscapeStrayBytes(text)) {
    if (IsControl(c)) {
      shown += EscapedControl(c);
    } else {
      shown += c;
    }
  }
  return shown;
}

}  // namespace

std::string CutBytes(absl::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  return absl::StrCat(CutUtf8(text, most - std::min(most, kCut.size())), kCut);
}

std::string Quoted(absl::string_view text) {
  if (text.size() <= kLongestQuote) return absl::StrCat("'", Shown(text), "'");
  const absl::string_view head = CutUtf8(text, kLongestQuote / 2);
  const absl::string_view tail = text.substr(CutUtf8(text, text.size() - kLongestQuote / 2).size());
  return absl::StrCat("'", Shown(head), kCut, Shown(tail), "' (", text.size(), " bytes)");
}

}  // namespace pretext
