#include "server/launchers/local_launcher.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/detached_program.h"
#include "proto/cpp/file_lock.h"
#include "proto/cpp/log.h"
#include "proto/cpp/process_end.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"

namespace pretext {

LocalLauncher::LocalLauncher(LocalLauncherOptions options, Clock* clock)
    : options_(std::move(options)), clock_(clock), pause_(options_.first_pause) {}

std::string LocalLauncher::LogPath() const { return absl::StrCat(options_.agent_directory, "/agent.log"); }

void LocalLauncher::Reap(absl::Time now) {
  const absl::optional<int> status = agent_ == 0 ? absl::nullopt : WaitStatusIfEnded(agent_);
  if (!status.has_value()) return;
  last_end_ = DescribeEnd(*status);
  Log(LogSeverity::kWarning, "agent ended", {{"pid", agent_}, {"how", last_end_}, {"log", LogPath()}});
  agent_ = 0;
  if (now - started_ > options_.longest_pause) pause_ = options_.first_pause;
  next_start_ = now + pause_;
  pause_ = std::min(2 * pause_, options_.longest_pause);
}

absl::Status LocalLauncher::EnsureAgents(const ClusterState&) {
  const absl::Time now = clock_->Now();
  Reap(now);
  if (agent_ != 0) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(options_.agent_directory, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", options_.agent_directory, ": ", error.message()));
  }
  PRETEXT_ASSIGN_OR_RETURN(const bool lives,
                           IsFileLocked(absl::StrCat(options_.agent_directory, "/", kAgentLock)));
  if (lives) return absl::OkStatus();
  if (now < next_start_) {
    return absl::UnavailableError(
        absl::StrCat("the agent ", last_end_, "; it is started again. Its log: ", LogPath()));
  }
  return Spawn(now);
}

absl::Status LocalLauncher::Spawn(absl::Time now) {
  const absl::StatusOr<std::string> worker = options_.find_worker();
  if (!worker.ok()) {
    return absl::UnavailableError(
        absl::StrCat(worker.status().message(), ", or name it with --worker-binary"));
  }
  if (access(worker->c_str(), X_OK) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot run the worker ", *worker, ": ", std::strerror(errno),
                                               "; name it with --worker-binary"));
  }
  DetachedProgram agent;
  agent.words = {*worker,  "agent",       "--coordinator", options_.coordinator_address,
                 "--node", options_.node, "--state",       options_.agent_directory};
  if (options_.cpu_slots > 0) {
    agent.words.push_back("--cpu-slots");
    agent.words.push_back(absl::StrCat(options_.cpu_slots));
  }
  agent.log = LogPath();
  agent.environment = options_.environment;
  PRETEXT_ASSIGN_OR_RETURN(agent_, StartDetached(std::move(agent)));
  started_ = now;
  Log(LogSeverity::kInfo, "agent started", {{"pid", agent_}, {"node", options_.node}, {"log", LogPath()}});
  return absl::OkStatus();
}

}  // namespace pretext
