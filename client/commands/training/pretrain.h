#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_PRETRAIN_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_PRETRAIN_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/session/command.h"
#include "pretext/v1/task.pb.h"

namespace pretext {

// pretext pretrain: learns from unlabelled pictures, from a folder to weights.
CommandRun AddPretrain(CLI::App* app);

// "moco,rotation:0.3": names with weights. INVALID_ARGUMENT, with the nearest name.
absl::StatusOr<std::vector<v1::TaskSpec>> ParseTasks(absl::string_view text);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_PRETRAIN_H_
