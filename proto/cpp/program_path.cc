#include "proto/cpp/program_path.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pretext {

std::string ProgramFolder() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path().string();
}

absl::StatusOr<std::string> FindProgram(absl::string_view name, absl::string_view tree_folder,
                                        absl::string_view program_folder, absl::string_view search_path) {
  std::vector<std::string> folders = {std::string(program_folder),
                                      absl::StrCat(program_folder, "/../", tree_folder)};
  for (const absl::string_view folder : absl::StrSplit(search_path, ':', absl::SkipEmpty())) {
    folders.emplace_back(folder);
  }
  for (const std::string& folder : folders) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::NotFoundError(absl::StrCat("cannot find the program ", name, ": it is neither in ",
                                          program_folder, " nor in $PATH; install it there"));
}

}  // namespace pretext
