#ifndef PRETEXT_SERVER_LAUNCHERS_LOCAL_LAUNCHER_H_
#define PRETEXT_SERVER_LAUNCHERS_LOCAL_LAUNCHER_H_

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "server/launchers/launcher.h"

namespace pretext {

struct LocalLauncherOptions {
  std::function<absl::StatusOr<std::string>()> find_worker;  // the path of pretext-worker
  std::string coordinator_address;                           // for workers, e.g. unix:/path/worker.sock
  std::string node = "nodes/local";
  std::string agent_directory;  // holds agent.lock and agent.log; made when missing
  int cpu_slots = 0;            // 0: the agent decides
  // "NAME=VALUE": the agent gets this program's environment and, where a name is not set there, these.
  std::vector<std::string> environment;
  // Pause after an agent ended: doubled each time up to the longest, and forgotten once one has lived so
  // long.
  absl::Duration first_pause = absl::Milliseconds(500);
  absl::Duration longest_pause = absl::Seconds(30);
};

// Sees to it that one agent runs on this machine. The agent gets a session of its own, so that it and its
// ranks outlive the coordinator; a living one, whoever started it, is known by its lock on
// agent_directory/agent.lock. Thread-compatible.
class LocalLauncher final : public Launcher {
 public:
  // `clock` outlives it.
  LocalLauncher(LocalLauncherOptions options, Clock* clock);

  // UNAVAILABLE: the agent cannot be started or ended by itself; the message says where its log is.
  absl::Status EnsureAgents(const ClusterState& state) override;

 private:
  // Notices the end of the agent that this object started.
  void Reap(absl::Time now);
  absl::Status Spawn(absl::Time now);
  std::string LogPath() const;

  const LocalLauncherOptions options_;
  Clock* const clock_;
  pid_t agent_ = 0;  // 0: none of ours runs
  absl::Time started_ = absl::InfinitePast();
  absl::Time next_start_ = absl::InfinitePast();
  absl::Duration pause_;
  std::string last_end_;  // how the last agent of ours ended; empty: none has
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_LAUNCHERS_LOCAL_LAUNCHER_H_
