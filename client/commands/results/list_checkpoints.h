#ifndef PRETEXT_CLIENT_COMMANDS_RESULTS_LIST_CHECKPOINTS_H_
#define PRETEXT_CLIENT_COMMANDS_RESULTS_LIST_CHECKPOINTS_H_

#include "client/session/command.h"

namespace pretext {

// pretext checkpoints: the durable states of a job's training.
CommandRun AddCheckpoints(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_RESULTS_LIST_CHECKPOINTS_H_
