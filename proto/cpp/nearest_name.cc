#include "proto/cpp/nearest_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/quoted_text.h"

namespace pretext {
namespace {

// Longer words than any name have are not compared: the distance takes time and memory quadratic in them.
constexpr size_t kLongestName = 100;
// More names than that tell nobody which one was meant.
constexpr size_t kMostNamed = 24;

}  // namespace

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const auto same = [&](size_t x, size_t y) {
        return absl::ascii_tolower(a[x - 1]) == absl::ascii_tolower(b[y - 1]);
      };
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(i, j) ? 0 : 1)});
      if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j))
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string NearestName(absl::string_view name, const std::vector<std::string>& candidates) {
  if (name.empty() || name.size() > kLongestName) return "";
  std::string nearest;
  int nearest_distance = 0;
  for (const std::string& candidate : candidates) {
    const int distance = EditDistance(name, candidate);
    const int allowed = std::max<int>(1, static_cast<int>(std::max(candidate.size(), name.size())) / 3);
    if (distance <= allowed && (nearest.empty() || distance < nearest_distance)) {
      nearest = candidate;
      nearest_distance = distance;
    }
  }
  if (!nearest.empty() || name.size() < 3) return nearest;
  for (const std::string& candidate : candidates) {
    if (absl::StartsWithIgnoreCase(candidate, name)) return candidate;
  }
  return "";
}

std::string DidYouMean(absl::string_view name, const std::vector<std::string>& candidates) {
  if (candidates.empty()) return "";
  const std::string nearest = NearestName(name, candidates);
  if (!nearest.empty()) return absl::StrCat("; did you mean ", nearest, "?");
  const size_t shown = std::min(candidates.size(), kMostNamed);
  const std::string others =
      candidates.size() > shown ? absl::StrCat(" and ", candidates.size() - shown, " more") : "";
  return absl::StrCat("; it is one of ",
                      absl::StrJoin(candidates.begin(), candidates.begin() + shown, ", ",
                                    [](std::string* text, const std::string& name) {
                                      absl::StrAppend(text, CutBytes(name, kLongestName));
                                    }),
                      others);
}

}  // namespace pretext
