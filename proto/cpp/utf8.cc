#include "proto/cpp/utf8.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

bool IsContinuation(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

// Bytes of the character that `text` begins with; 0 when it begins with none.
size_t CharacterLength(absl::string_view text) {
  const uint8_t first = static_cast<uint8_t>(text[0]);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  // Longer than need be, a surrogate, or beyond U+10FFFF.
  const uint8_t second = static_cast<uint8_t>(text[1]);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return length;
}

// `text` with `replace(byte)` for each byte that belongs to no character.
template <typename Replace>
std::string ReplaceStrayBytes(absl::string_view text, Replace replace) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) {
      valid += replace(static_cast<uint8_t>(text[0]));
      text.remove_prefix(1);
    } else {
      valid.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

}  // namespace

bool IsValidUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string EscapeStrayBytes(absl::string_view text) {
  return ReplaceStrayBytes(text, [](uint8_t byte) { return absl::StrFormat("\\x%02X", byte); });
}

std::string ToValidUtf8(absl::string_view text) {
  return ReplaceStrayBytes(text, [](uint8_t) { return "\xEF\xBF\xBD"; });
}

absl::string_view CutUtf8(absl::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  size_t end = bytes;
  while (end > 0 && bytes - end < 3 && IsContinuation(text[end])) --end;
  return text.substr(0, IsContinuation(text[end]) ? bytes : end);
}

}  // namespace pretext
