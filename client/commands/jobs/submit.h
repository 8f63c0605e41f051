#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_SUBMIT_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_SUBMIT_H_

#include "client/session/command.h"

namespace pretext {

// pretext submit: a job from a file.
CommandRun AddSubmit(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_SUBMIT_H_
