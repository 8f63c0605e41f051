#ifndef PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_LOGS_H_
#define PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_LOGS_H_

#include "client/session/command.h"

namespace pretext {

// pretext logs: what a job's ranks have said.
CommandRun AddLogs(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_LOGS_H_
