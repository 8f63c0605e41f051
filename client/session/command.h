#ifndef PRETEXT_CLIENT_SESSION_COMMAND_H_
#define PRETEXT_CLIENT_SESSION_COMMAND_H_

#include <functional>

#include "absl/status/statusor.h"
#include "client/session/command_context.h"

namespace CLI {
class App;
}

namespace pretext {

// Runs a command whose options were parsed. Returns the exit code; an error is shown by the caller, who turns
// it into one (exit_codes.h).
using CommandRun = std::function<absl::StatusOr<int>(CommandContext& context)>;

// Adds a command's options and positionals to `app`, which outlives what is returned.
using AddCommand = CommandRun (*)(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_COMMAND_H_
