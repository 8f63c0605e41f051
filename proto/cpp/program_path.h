#ifndef PRETEXT_PROTO_CPP_PROGRAM_PATH_H_
#define PRETEXT_PROTO_CPP_PROGRAM_PATH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

// The folder of the program that runs.
std::string ProgramFolder();

// The path of another program of Pretext: in `program_folder`, else as in a build tree
// (`program_folder`/../`tree_folder`), else in a folder of `search_path`, which is as $PATH. NOT_FOUND, with
// the places that were looked at.
absl::StatusOr<std::string> FindProgram(absl::string_view name, absl::string_view tree_folder,
                                        absl::string_view program_folder, absl::string_view search_path);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_PROGRAM_PATH_H_
