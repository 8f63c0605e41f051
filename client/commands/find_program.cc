#include "client/commands/find_program.h"

#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pretext {

absl::StatusOr<std::string> FindProgram(const std::string& name, const std::string& tree_folder,
                                        const CommandContext& context) {
  std::vector<std::string> folders = {context.program_folder,
                                      absl::StrCat(context.program_folder, "/../", tree_folder)};
  for (const absl::string_view folder : absl::StrSplit(context.search_path, ':', absl::SkipEmpty())) {
    folders.emplace_back(folder);
  }
  for (const std::string& folder : folders) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::NotFoundError(absl::StrCat("cannot find the program ", name, ": it is neither in ", folders[0],
                                          " nor in $PATH; install it beside pretext"));
}

}  // namespace pretext
