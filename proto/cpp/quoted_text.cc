#include "proto/cpp/quoted_text.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

// What a message shows of a name or a value. Paths are often this long and no longer.
constexpr size_t kLongestQuote = 256;
constexpr absl::string_view kCut = "...";

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the character that `text` begins with; 0 when it is no UTF-8. REQUIRES: not empty.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t bytes = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (bytes == 0 || bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  // Longer forms than needed, surrogates, and what lies beyond Unicode.
  if (first == 0xE0 && byte(1) < 0xA0) return 0;
  if (first == 0xED && byte(1) > 0x9F) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return bytes;
}

// The end of the last whole character that ends at or before `end`.
size_t CharacterEnd(absl::string_view text, size_t end) {
  while (end > 0 && end < text.size() && IsContinuation(text[end])) --end;
  return end;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

std::string CutBytes(absl::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  const size_t kept = most - std::min(most, kCut.size());
  return absl::StrCat(text.substr(0, CharacterEnd(text, kept)), kCut);
}

std::string Quoted(absl::string_view text) {
  const auto shown = [](absl::string_view part) {
    const bool plain = IsUtf8(part) && std::none_of(part.begin(), part.end(),
                                                    [](unsigned char c) { return c < 0x20 || c == 0x7F; });
    return plain ? std::string(part) : absl::CHexEscape(part);
  };
  if (text.size() <= kLongestQuote) return absl::StrCat("'", shown(text), "'");
  const size_t half = kLongestQuote / 2;
  const size_t head = CharacterEnd(text, half);
  const size_t tail = CharacterEnd(text, text.size() - half);
  return absl::StrCat("'", shown(text.substr(0, head)), kCut, shown(text.substr(tail)), "' (", text.size(),
                      " bytes)");
}

}  // namespace pretext
