#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_VALIDATE_JOB_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_VALIDATE_JOB_H_

#include "client/session/command.h"

namespace pretext {

// pretext validate: what submit would say, without creating a job.
CommandRun AddValidate(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_VALIDATE_JOB_H_
