#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_LIST_TASKS_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_LIST_TASKS_H_

#include "client/session/command.h"

namespace pretext {

// pretext tasks: the pretext tasks that the worker knows, what each needs, and its options.
CommandRun AddTasks(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_LIST_TASKS_H_
