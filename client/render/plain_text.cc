#include "client/render/plain_text.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace pretext {
namespace {

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the character that begins at `text`; 0 when it is no UTF-8.
size_t CharacterBytes(absl::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  size_t bytes = 1;
  if (first >= 0x80) bytes = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  if (bytes == 0 || bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  return bytes;
}

// C0, DEL and C1 (U+0080 .. U+009F): what terminals take as commands.
bool IsControl(absl::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  return first < 0x20 || first == 0x7F || (first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0);
}

}  // namespace

std::string OneLine(absl::string_view text) {
  std::string line;
  line.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = CharacterBytes(text);
    if (bytes == 0) {
      line += '?';
      text.remove_prefix(1);
      continue;
    }
    const absl::string_view character = text.substr(0, bytes);
    if (IsControl(character)) {
      line += ' ';
    } else {
      absl::StrAppend(&line, character);
    }
    text.remove_prefix(bytes);
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

int DisplayWidth(absl::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) { return !IsContinuation(c); }));
}

std::string CutTo(absl::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  const int kept = std::max(0, width - 3);
  size_t end = 0;
  for (int columns = 0; end < text.size(); ++end) {
    if (!IsContinuation(text[end]) && columns++ == kept) break;
  }
  return absl::StrCat(text.substr(0, end),
                      absl::string_view("...").substr(0, std::max(0, std::min(3, width))));
}

std::string ShellWord(absl::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(c) || absl::StrContains("_./-:=,+@%~", absl::string_view(&c, 1));
  });
  if (plain && text[0] != '~') return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

}  // namespace pretext
