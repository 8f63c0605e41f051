#ifndef PRETEXT_CLIENT_COMMANDS_TRAINING_TASK_DEFAULTS_H_
#define PRETEXT_CLIENT_COMMANDS_TRAINING_TASK_DEFAULTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace pretext {

// One field that may be set of a pretext task, and what it is when nobody sets it.
struct TaskDefault {
  std::string name;   // "queue_length", or "augment.flip_probability"
  std::string value;  // "0.5"; "by the data" when the worker chooses it once it has seen the data
};

// The defaults of every field of the task `name`, those of messages within it after the message's own name;
// none for a task that this version does not know. Pure.
std::vector<TaskDefault> FindTaskDefaults(absl::string_view name);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_TRAINING_TASK_DEFAULTS_H_
