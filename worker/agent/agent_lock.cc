#include "worker/agent/agent_lock.h"

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "proto/cpp/file_lock.h"
#include "proto/cpp/state_path.h"

namespace pretext {
namespace {

constexpr absl::Duration kBetweenTries = absl::Milliseconds(20);

void Wait(absl::Duration duration, Clock* clock) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  bool never = false;
  clock->AwaitUntil(&mutex, absl::Condition(&never), clock->Now() + duration);
}

}  // namespace

absl::Status TakeAgentLock(const std::string& folder, absl::Duration patience, Clock* clock) {
  const std::string path = absl::StrCat(folder, "/", kAgentLock);
  const absl::Time until = clock->Now() + patience;
  while (true) {
    const absl::Status taken = TakeFileLock(path).status();  // the file stays open
    if (!absl::IsFailedPrecondition(taken)) return taken;
    if (clock->Now() >= until) {
      return absl::AlreadyExistsError(absl::StrCat("another agent (process id ", ReadLockHolder(path),
                                                   ") uses ", folder,
                                                   "; give this one another --state, or stop that one"));
    }
    Wait(kBetweenTries, clock);
  }
}

}  // namespace pretext
