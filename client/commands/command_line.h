#ifndef PRETEXT_CLIENT_COMMANDS_COMMAND_LINE_H_
#define PRETEXT_CLIENT_COMMANDS_COMMAND_LINE_H_

#include <string>
#include <vector>

#include "client/session/command_context.h"

namespace pretext {

// Runs one command line, without the program's name, and returns the exit code (exit_codes.h). Errors are
// written to `context.err`; an unknown command or option with the nearest name.
int RunCommandLine(const std::vector<std::string>& arguments, CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_COMMAND_LINE_H_
