#ifndef PRETEXT_CLIENT_COMMANDS_FIND_PROGRAM_H_
#define PRETEXT_CLIENT_COMMANDS_FIND_PROGRAM_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/commands/command_context.h"

namespace pretext {

// The path of another program of Pretext: beside this one, else as in a build tree (../`tree_folder`), else
// in $PATH. NOT_FOUND, with the places that were looked at.
absl::StatusOr<std::string> FindProgram(const std::string& name, const std::string& tree_folder,
                                        const CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_FIND_PROGRAM_H_
