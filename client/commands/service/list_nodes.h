#ifndef PRETEXT_CLIENT_COMMANDS_SERVICE_LIST_NODES_H_
#define PRETEXT_CLIENT_COMMANDS_SERVICE_LIST_NODES_H_

#include "client/session/command.h"

namespace pretext {

// pretext nodes: the machines that run ranks.
CommandRun AddNodes(CLI::App* app);
// pretext drain: a machine starts no new ranks. pretext undrain: it does again.
CommandRun AddDrain(CLI::App* app);
CommandRun AddUndrain(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_SERVICE_LIST_NODES_H_
