#ifndef PRETEXT_CLIENT_COMMANDS_SERVICE_SHOW_VERSION_H_
#define PRETEXT_CLIENT_COMMANDS_SERVICE_SHOW_VERSION_H_

#include "client/session/command.h"

namespace pretext {

// pretext version: of this program, and of the coordinator when one serves.
CommandRun AddVersion(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_SERVICE_SHOW_VERSION_H_
