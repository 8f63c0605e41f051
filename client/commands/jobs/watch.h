#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_WATCH_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_WATCH_H_

#include "client/session/command.h"

namespace pretext {

// pretext watch: follows a job to its end.
CommandRun AddWatch(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_WATCH_H_
