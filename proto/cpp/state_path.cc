#include "proto/cpp/state_path.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace pretext {

std::string DataFolder(absl::string_view name, absl::string_view xdg_data_home, absl::string_view home) {
  if (absl::StartsWith(xdg_data_home, "/")) return absl::StrCat(xdg_data_home, "/", name);
  return absl::StrCat(home.empty() ? "." : home, "/.local/share/", name);
}

std::string StateDirectory(absl::string_view pretext_state, absl::string_view xdg_data_home,
                           absl::string_view home) {
  if (!pretext_state.empty()) return std::string(pretext_state);
  return DataFolder("pretext", xdg_data_home, home);
}

}  // namespace pretext
