#ifndef PRETEXT_CLIENT_COMMANDS_COMPLETION_H_
#define PRETEXT_CLIENT_COMMANDS_COMPLETION_H_

#include "client/commands/command.h"

namespace pretext {

// pretext completion: a script that completes command lines in a shell.
CommandRun AddCompletion(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_COMPLETION_H_
