#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_JOB_STATUS_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_JOB_STATUS_H_

#include "client/session/command.h"

namespace pretext {

// pretext status: everything there is to say about one job.
CommandRun AddStatus(CLI::App* app);

// pretext explain: why a job waits, and what the machines have free.
CommandRun AddExplain(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_JOB_STATUS_H_
