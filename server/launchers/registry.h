#ifndef PRETEXT_SERVER_LAUNCHERS_REGISTRY_H_
#define PRETEXT_SERVER_LAUNCHERS_REGISTRY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/clock.h"
#include "server/launchers/launcher.h"
#include "server/launchers/local_launcher.h"

namespace pretext {

// The launchers there are, with what each is for.
struct LauncherEntry {
  absl::string_view name;
  absl::string_view what;
};
const std::vector<LauncherEntry>& Launchers();

// The launcher called `name`; null for "none". INVALID_ARGUMENT: there is none of that name. `clock` outlives
// it.
absl::StatusOr<std::unique_ptr<Launcher>> MakeLauncher(absl::string_view name,
                                                       const LocalLauncherOptions& local, Clock* clock);

}  // namespace pretext

#endif  // PRETEXT_SERVER_LAUNCHERS_REGISTRY_H_
