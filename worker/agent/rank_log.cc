#include "worker/agent/rank_log.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace pretext {

namespace {

// How many bytes from `at` are one UTF-8 character; 0: they are none.
size_t CharacterBytes(absl::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t bytes = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
  if (bytes == 0 || at + bytes > text.size()) return 0;
  for (size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

// Keeps what a proto's string and a person's terminal can take.
std::string Printable(absl::string_view line) {
  std::string clean;
  for (size_t at = 0; at < line.size();) {
    const size_t bytes = CharacterBytes(line, at);
    const bool control = bytes == 1 && absl::ascii_iscntrl(static_cast<unsigned char>(line[at]));
    if (bytes > 0 && !control) clean.append(line.data() + at, bytes);
    at += bytes > 0 ? bytes : 1;
  }
  return std::string(absl::StripAsciiWhitespace(clean));
}

}  // namespace

std::string RankLogPath(const std::string& folder, const v1::RankAssignment& assignment) {
  const std::string job = absl::StrReplaceAll(absl::StripPrefix(assignment.job(), "jobs/"), {{"/", "_"}});
  return absl::StrCat(folder, "/", job, "-", assignment.attempt(), "-", assignment.rank(), ".log");
}

std::string ReadLastWords(const std::string& path, size_t lines, size_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return "";
  const std::streamoff size = file.tellg();
  const std::streamoff from = std::max<std::streamoff>(0, size - static_cast<std::streamoff>(bytes));
  std::string text(static_cast<size_t>(size - from), '\0');
  file.seekg(from);
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  std::vector<std::string> words;
  for (absl::string_view line : absl::StrSplit(text, absl::ByAnyChar("\r\n"))) {
    std::string clean = Printable(line);
    if (!clean.empty()) words.push_back(std::move(clean));
  }
  if (words.size() > lines) words.erase(words.begin(), words.end() - static_cast<std::ptrdiff_t>(lines));
  return absl::StrJoin(words, " | ");
}

void PruneRankLogs(const std::string& folder, size_t keep) {
  std::error_code error;
  std::vector<std::pair<std::filesystem::file_time_type, std::filesystem::path>> logs;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".log") continue;
    const auto written = entry.last_write_time(error);
    if (!error) logs.emplace_back(written, entry.path());
  }
  if (logs.size() <= keep) return;
  std::sort(logs.begin(), logs.end());
  for (size_t i = 0; i < logs.size() - keep; ++i) std::filesystem::remove(logs[i].second, error);
}

}  // namespace pretext
