#ifndef PRETEXT_CLIENT_COMMANDS_DETACHED_PROGRAM_H_
#define PRETEXT_CLIENT_COMMANDS_DETACHED_PROGRAM_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace pretext {

// Starts a program that outlives this one: in a session of its own, in `folder`, without this program's files
// and signals; what it says is appended to `log`. Returns its process id. UNAVAILABLE.
absl::StatusOr<pid_t> StartDetached(std::vector<std::string> words, const std::string& folder,
                                    const std::string& log);

// Whether a program started so has ended, and with which exit code (128 + n for signal n). A program is asked
// after until it has ended, then no more.
std::optional<int> ExitCodeIfEnded(pid_t pid);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_DETACHED_PROGRAM_H_
