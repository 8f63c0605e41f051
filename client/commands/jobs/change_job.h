#ifndef PRETEXT_CLIENT_COMMANDS_JOBS_CHANGE_JOB_H_
#define PRETEXT_CLIENT_COMMANDS_JOBS_CHANGE_JOB_H_

#include "client/session/command.h"

namespace pretext {

// What people do to jobs: pretext cancel, pause, resume, restart and delete. Each takes several jobs and goes
// on after one that it could not change; the exit code is then that of the first error.
CommandRun AddCancel(CLI::App* app);
CommandRun AddPause(CLI::App* app);
CommandRun AddResume(CLI::App* app);
CommandRun AddRestart(CLI::App* app);
CommandRun AddDelete(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_JOBS_CHANGE_JOB_H_
