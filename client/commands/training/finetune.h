#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_FINETUNE_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_FINETUNE_H_

#include "client/session/command.h"

namespace pretext {

// pretext finetune: learns to classify from a few labels, starting from pretrained weights.
CommandRun AddFinetune(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_FINETUNE_H_
