#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_LIST_JOBS_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_LIST_JOBS_H_

#include "client/session/command.h"

namespace pretext {

// pretext jobs: a row a job.
CommandRun AddJobs(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_LIST_JOBS_H_
