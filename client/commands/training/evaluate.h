#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_EVALUATE_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_EVALUATE_H_

#include "client/session/command.h"

namespace pretext {

// pretext evaluate: what frozen features are worth, by a kNN and a linear probe.
CommandRun AddEvaluate(CLI::App* app);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_EVALUATE_H_
