#include "proto/cpp/detached_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace pretext {
namespace {

constexpr int64_t kLongestLogBytes = 16 << 20;
constexpr int kFirstInheritedFile = 3;

// Keeps one old log.
void RotateLog(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > kLongestLogBytes) std::filesystem::rename(path, path + ".1", error);
}

// Pointers into `words`, as posix_spawn takes them.
std::vector<char*> Arguments(std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return arguments;
}

// Pointers into `defaults` and this program's environment.
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

absl::StatusOr<pid_t> StartDetached(DetachedProgram program) {
  const std::vector<char*> arguments = Arguments(program.words);
  const std::vector<char*> environment = Environment(program.environment);
  RotateLog(program.log);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  absl::Cleanup destroy = [&] {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  };
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, program.log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                   0600);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, kFirstInheritedFile);
  if (!program.folder.empty()) posix_spawn_file_actions_addchdir_np(&files, program.folder.c_str());
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, arguments[0], &files, &attributes, arguments.data(), environment.data());
  if (error == 0) return pid;
  return absl::UnavailableError(
      absl::StrCat("cannot start ", absl::StrJoin(program.words, " "), ": ", std::strerror(error)));
}

}  // namespace pretext
