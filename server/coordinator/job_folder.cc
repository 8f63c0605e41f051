#include "server/coordinator/job_folder.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/coordinator/job_names.h"

namespace pretext {
namespace {

std::string TrashFolder(absl::string_view state_directory) { return absl::StrCat(state_directory, "/trash"); }

absl::Status Complain(absl::string_view what, absl::string_view path, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, " ", path, ": ", error.message()));
}

}  // namespace

std::string OwnJobFolder(absl::string_view state_directory, absl::string_view job_name) {
  return absl::StrCat(state_directory, "/jobs/", JobId(job_name));
}

absl::Status RemoveOwnJobFolder(absl::string_view state_directory, absl::string_view job_name,
                                absl::string_view output) {
  const std::string folder = OwnJobFolder(state_directory, job_name);
  if (folder != output) return absl::OkStatus();
  std::error_code error;
  if (!std::filesystem::exists(folder, error)) return absl::OkStatus();
  const std::string trash = TrashFolder(state_directory);
  std::filesystem::create_directories(trash, error);
  if (error) return Complain("make", trash, error);
  const std::string moved = absl::StrCat(trash, "/", JobId(job_name));
  std::filesystem::rename(folder, moved, error);
  if (error) return Complain("move away", folder, error);
  std::filesystem::remove_all(moved, error);
  if (error) return Complain("remove", moved, error);
  return absl::OkStatus();
}

absl::Status EmptyTrash(absl::string_view state_directory) {
  std::error_code error;
  const std::string trash = TrashFolder(state_directory);
  std::filesystem::remove_all(trash, error);
  if (error) return Complain("remove", trash, error);
  return absl::OkStatus();
}

}  // namespace pretext
