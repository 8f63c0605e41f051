#ifndef PRETEXT_SERVER_LAUNCHERS_LAUNCHER_H_
#define PRETEXT_SERVER_LAUNCHERS_LAUNCHER_H_

#include "absl/status/status.h"
#include "server/state/cluster_state.h"

namespace pretext {

// Gets agents onto machines. Agents do the rest: they call the coordinator and learn what to run.
class Launcher {
 public:
  virtual ~Launcher() = default;

  // Makes sure that the agents this launcher is in charge of run, given what the state wants; called every
  // tick and idempotent, also after a restart of the coordinator. Errors are logged and tried again.
  virtual absl::Status EnsureAgents(const ClusterState& state) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_LAUNCHERS_LAUNCHER_H_
