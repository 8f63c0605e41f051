#ifndef PRETEXT_WORKER_CHECKPOINT_WHOLE_FILE_H_
#define PRETEXT_WORKER_CHECKPOINT_WHOLE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace pretext {

// Files that survive a power cut. All return RESOURCE_EXHAUSTED, reason DISK_FULL, when the disk, a quota or
// a limit on files' sizes has no more room, and UNAVAILABLE with the system's reason for any other failure.

// Makes `path` hold `bytes`, durably: whoever looks sees the old file or the whole new one.
absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes);

// Makes what was renamed or created in `folder` durable.
absl::Status SyncFolder(const std::string& folder);

// The folder and those above it, where missing, durably. FAILED_PRECONDITION too: something else stands
// there, or this user may not; the message says so, and what to do.
absl::Status MakeFolders(const std::string& folder);

// The status of a system call that failed: "cannot {doing} {path}: {the system's reason}". `error` is errno.
absl::Status FileError(absl::string_view doing, absl::string_view path, int error);

}  // namespace pretext

#endif  // PRETEXT_WORKER_CHECKPOINT_WHOLE_FILE_H_
