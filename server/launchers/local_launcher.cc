#include "server/launchers/local_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/log.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr int64_t kLongestLogBytes = 16 << 20;
constexpr int kFirstInheritedFile = 3;

// Keeps one old log, so that an agent that ends again and again does not fill the disk.
void RotateLog(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > kLongestLogBytes) std::filesystem::rename(path, path + ".1", error);
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) return absl::StrCat("was killed by signal ", WTERMSIG(wait_status));
  return absl::StrCat("ended with exit code ", WEXITSTATUS(wait_status));
}

// Pointers into `defaults` and this program's environment, as posix_spawn takes them.
std::vector<char*> Environment(std::vector<std::string>& defaults) {
  std::vector<char*> all;
  for (char** own = environ; *own != nullptr; ++own) all.push_back(*own);
  const size_t own = all.size();
  for (std::string& entry : defaults) {
    const size_t name = entry.find('=') + 1;
    const bool set = std::any_of(all.begin(), all.begin() + own,
                                 [&](const char* known) { return entry.compare(0, name, known, name) == 0; });
    if (!set) all.push_back(entry.data());
  }
  all.push_back(nullptr);
  return all;
}

}  // namespace

absl::StatusOr<bool> IsLocked(const std::string& path) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  const bool locked = flock(file, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(file);  // and with it the lock, if we got it
  return locked;
}

LocalLauncher::LocalLauncher(LocalLauncherOptions options, Clock* clock)
    : options_(std::move(options)), clock_(clock), pause_(options_.first_pause) {}

std::string LocalLauncher::LogPath() const { return absl::StrCat(options_.agent_directory, "/agent.log"); }

void LocalLauncher::Reap(absl::Time now) {
  int status = 0;
  if (agent_ == 0 || waitpid(agent_, &status, WNOHANG) != agent_) return;
  last_end_ = DescribeEnd(status);
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
  PRETEXT_ASSIGN_OR_RETURN(const bool lives, IsLocked(absl::StrCat(options_.agent_directory, "/agent.lock")));
  if (lives) return absl::OkStatus();
  if (now < next_start_) {
    return absl::UnavailableError(
        absl::StrCat("the agent ", last_end_, "; it is started again. Its log: ", LogPath()));
  }
  return Spawn(now);
}

absl::Status LocalLauncher::Spawn(absl::Time now) {
  if (access(options_.worker_binary.c_str(), X_OK) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot run the worker ", options_.worker_binary, ": ",
                                               std::strerror(errno), "; name it with --worker-binary"));
  }
  std::vector<std::string> words = {
      options_.worker_binary, "agent",   "--coordinator",         options_.coordinator_address, "--node",
      options_.node,          "--state", options_.agent_directory};
  if (options_.cpu_slots > 0) {
    words.push_back("--cpu-slots");
    words.push_back(absl::StrCat(options_.cpu_slots));
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::vector<std::string> defaults = options_.environment;
  std::vector<char*> environment = Environment(defaults);

  const std::string log = LogPath();
  RotateLog(log);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, kFirstInheritedFile);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, options_.worker_binary.c_str(), &files, &attributes, arguments.data(),
                                environment.data());
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", absl::StrJoin(words, " "), ": ", std::strerror(error)));
  }
  agent_ = pid;
  started_ = now;
  Log(LogSeverity::kInfo, "agent started", {{"pid", pid}, {"node", options_.node}, {"log", log}});
  return absl::OkStatus();
}

}  // namespace pretext
