#include "client/submission/field_places.h"

#include "absl/strings/str_cat.h"

namespace pretext {

std::string FieldPlaces::Describe(absl::string_view path) const {
  absl::string_view around = path;
  while (!around.empty()) {
    const auto option = options_.find(std::string(around));
    if (option != options_.end()) return option->second;
    const size_t end = around.find_last_of(".[");
    around = end == absl::string_view::npos ? "" : around.substr(0, end);
  }
  return Describe(places_.Find(path), path);
}

std::string FieldPlaces::Describe(SourcePlace place, absl::string_view path) const {
  if (file_.empty()) return std::string(path);
  const std::string where = place.line > 0 ? absl::StrCat(":", place.line, ":", place.column) : "";
  return absl::StrCat(file_, where, path.empty() ? "" : ": ", path);
}

}  // namespace pretext
