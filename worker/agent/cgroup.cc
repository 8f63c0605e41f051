#include "worker/agent/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"

namespace pretext {
namespace {

absl::optional<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::nullopt;
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The number at the start of the file; nothing for "max" and for files that are not there.
absl::optional<int64_t> ReadNumber(const std::string& path) {
  const absl::optional<std::string> text = ReadFile(path);
  int64_t number = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &number)) return absl::nullopt;
  return number;
}

// The value of a line "KEY VALUE".
absl::optional<int64_t> ReadCount(const std::string& path, absl::string_view key) {
  const absl::optional<std::string> text = ReadFile(path);
  if (!text.has_value()) return absl::nullopt;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    int64_t count = 0;
    if (words.size() == 2 && words[0] == key && absl::SimpleAtoi(words[1], &count)) return count;
  }
  return absl::nullopt;
}

// Folders that may hold what is said of this process: its own group's first, then those around it.
std::vector<std::string> Folders(const CgroupPlaces& places) {
  std::vector<std::string> folders;
  const std::string self = ReadFile(places.self).value_or("");
  for (absl::string_view line : absl::StrSplit(self, '\n')) {
    // "4:memory:/path" of version 1, "0::/path" of version 2.
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    std::vector<std::string> bases;
    if (parts[1].empty()) {
      bases = {places.mount, absl::StrCat(places.mount, "/unified")};
    } else {
      bases = {absl::StrCat(places.mount, "/", parts[1])};
      for (absl::string_view controller : absl::StrSplit(parts[1], ',')) {
        bases.push_back(absl::StrCat(places.mount, "/", controller));
      }
    }
    for (const std::string& base : bases) {
      std::string path(parts[2]);
      while (path.size() > 1) {
        folders.push_back(base + path);
        path.resize(path.find_last_of('/'));
      }
      folders.push_back(base);
    }
  }
  return folders;
}

// "QUOTA PERIOD" of version 2; quotas below 0 and "max" are none.
double ReadCores(const std::string& folder) {
  const double none = std::numeric_limits<double>::infinity();
  if (const auto text = ReadFile(folder + "/cpu.max"); text.has_value()) {
    std::istringstream words(*text);
    double quota = 0, period = 0;
    return words >> quota >> period && quota > 0 && period > 0 ? quota / period : none;
  }
  const int64_t quota = ReadNumber(folder + "/cpu.cfs_quota_us").value_or(-1);
  const int64_t period = ReadNumber(folder + "/cpu.cfs_period_us").value_or(0);
  return quota > 0 && period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : none;
}

}  // namespace

CgroupLimits ReadCgroupLimits(const CgroupPlaces& places) {
  CgroupLimits limits;
  for (const std::string& folder : Folders(places)) {
    limits.cores = std::min(limits.cores, ReadCores(folder));
    for (const char* name : {"/memory.max", "/memory.limit_in_bytes"}) {
      limits.memory_bytes =
          std::min(limits.memory_bytes, ReadNumber(folder + name).value_or(limits.memory_bytes));
    }
  }
  return limits;
}

int64_t CountOutOfMemoryKills(const CgroupPlaces& places) {
  for (const std::string& folder : Folders(places)) {
    for (const char* name : {"/memory.events", "/memory.oom_control"}) {
      const absl::optional<int64_t> count = ReadCount(folder + name, "oom_kill");
      if (count.has_value()) return *count;
    }
  }
  return ReadCount(places.statistics, "oom_kill").value_or(0);
}

}  // namespace pretext
