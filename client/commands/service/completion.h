#ifndef PRETEXT_CLIENT_COMMANDS_SERVICE_COMPLETION_H_
#define PRETEXT_CLIENT_COMMANDS_SERVICE_COMPLETION_H_

#include "client/session/command.h"

namespace pretext {

// pretext completion: a script that completes command lines in a shell.
CommandRun AddCompletion(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_SERVICE_COMPLETION_H_
