#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_SHOW_BATCH_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_SHOW_BATCH_H_

#include "client/session/command.h"

namespace pretext {

// pretext show-batch: a picture of what a pretext task asks of some pictures and, after training, of what the
// network answers. This machine's worker draws it.
CommandRun AddShowBatch(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_SHOW_BATCH_H_
