#include "server/launchers/registry.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {

const std::vector<LauncherEntry>& Launchers() {
  static const auto* const launchers = new std::vector<LauncherEntry>{
      {"local", "one agent on this machine, started here and left running"},
      {"none", "agents are started by others and join by themselves"},
  };
  return *launchers;
}

absl::StatusOr<std::unique_ptr<Launcher>> MakeLauncher(absl::string_view name,
                                                       const LocalLauncherOptions& local, Clock* clock) {
  if (name == "local") return std::unique_ptr<Launcher>(new LocalLauncher(local, clock));
  if (name == "none") return std::unique_ptr<Launcher>();
  auto append_name = [](std::string* out, const LauncherEntry& entry) {
    out->append(entry.name.data(), entry.name.size());
  };
  return absl::InvalidArgumentError(absl::StrCat("there is no launcher '", name, "'; there are ",
                                                 absl::StrJoin(Launchers(), ", ", append_name)));
}

}  // namespace pretext
