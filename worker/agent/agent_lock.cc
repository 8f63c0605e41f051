#include "worker/agent/agent_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace pretext {
namespace {

constexpr absl::Duration kBetweenTries = absl::Milliseconds(20);

void Wait(absl::Duration duration, Clock* clock) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  clock->AwaitUntil(&mutex, absl::Condition(&never), clock->Now() + duration);
}

std::string HolderOf(const std::string& path) {
  std::string pid;
  std::ifstream(path) >> pid;
  return pid.empty() ? "another agent" : absl::StrCat("another agent (process id ", pid, ")");
}

}  // namespace

absl::Status TakeAgentLock(const std::string& folder, absl::Duration patience, Clock* clock) {
  const std::string path = absl::StrCat(folder, "/agent.lock");
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  const absl::Time until = clock->Now() + patience;
  while (flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      const std::string why = std::strerror(errno);
      close(file);
      return absl::UnavailableError(absl::StrCat("cannot lock ", path, ": ", why));
    }
    if (clock->Now() >= until) {
      close(file);
      return absl::AlreadyExistsError(absl::StrCat(HolderOf(path), " uses ", folder,
                                                   "; give this one another --state, or stop that one"));
    }
    Wait(kBetweenTries, clock);
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(file, 0) != 0 ||
      pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const std::string why = std::strerror(errno);
    close(file);
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", why));
  }
  return absl::OkStatus();  // the file stays open
}

}  // namespace pretext
