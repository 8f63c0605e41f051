#ifndef PRETEXT_CLIENT_COMMANDS_REGISTRY_H_
#define PRETEXT_CLIENT_COMMANDS_REGISTRY_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/session/command.h"

namespace pretext {

// One command: a row of the table in registry.cc.
struct CommandEntry {
  absl::string_view name;
  absl::string_view group;    // heading in `pretext --help`
  absl::string_view summary;  // one line
  AddCommand add;
  // It calls a coordinator, so it takes --server.
  bool calls_coordinator = true;
};

// The table, in the order of `pretext --help`.
absl::Span<const CommandEntry> Commands();

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_REGISTRY_H_
