#ifndef PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_METRICS_H_
#define PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_METRICS_H_

#include "client/session/command.h"

namespace pretext {

// pretext metrics: what a job has measured.
CommandRun AddMetrics(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_RESULTS_SHOW_METRICS_H_
