#ifndef PRETEXT_CLIENT_COMMANDS_SERVICE_SERVE_H_
#define PRETEXT_CLIENT_COMMANDS_SERVICE_SERVE_H_

#include "client/session/command.h"

namespace pretext {

// pretext serve: goes on as pretext-server, the coordinator, in the foreground.
CommandRun AddServe(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_SERVICE_SERVE_H_
