#ifndef PRETEXT_PROTO_CPP_FILE_LOCK_H_
#define PRETEXT_PROTO_CPP_FILE_LOCK_H_

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace pretext {

// Locks by which processes know that another one lives: the kernel lets go of them when it dies. Any thread.

// Locks the file at `path`, which is made for this user alone when it is missing, and writes this process's
// id into it. Returns the open file. The lock lasts until it is closed here and in every process forked
// meanwhile, or they are gone; programs that are executed do not inherit it.
//   FAILED_PRECONDITION  another process holds the lock
//   UNAVAILABLE          the file cannot be opened, locked or written
absl::StatusOr<int> TakeFileLock(const std::string& path);

// Whether a process holds the lock; none does when there is no such file. UNAVAILABLE: it cannot be opened.
absl::StatusOr<bool> IsFileLocked(const std::string& path);

// The process that took the lock last, whether it still holds it or not; 0: none is known.
pid_t ReadLockHolder(const std::string& path);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_FILE_LOCK_H_
