#ifndef PRETEXT_CLIENT_COMMANDS_RESULTS_DOWNLOAD_H_
#define PRETEXT_CLIENT_COMMANDS_RESULTS_DOWNLOAD_H_

#include "client/session/command.h"

namespace pretext {

// pretext download: files of a job's output folder, from wherever its coordinator is.
CommandRun AddDownload(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_RESULTS_DOWNLOAD_H_
