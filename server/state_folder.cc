#include "server/state_folder.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/file_lock.h"
#include "proto/cpp/state_path.h"

namespace pretext {

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Hold(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    std::filesystem::create_directories(path, error);
    if (error)
      return absl::UnavailableError(
          absl::StrCat("cannot make the state folder ", path, ": ", error.message()));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
  }
  const std::string real = std::filesystem::canonical(path, error).string();
  if (error)
    return absl::UnavailableError(absl::StrCat("cannot use the state folder ", path, ": ", error.message()));
  const std::string lock_path = absl::StrCat(real, "/", kServerLock);
  const absl::StatusOr<int> lock = TakeFileLock(lock_path);
  if (absl::IsFailedPrecondition(lock.status())) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "the state folder ", real, " is in use by a pretext-server with process id ",
                          ReadLockHolder(lock_path), "; stop that one or choose another --state")),
                      kStateInUse);
  }
  if (!lock.ok()) return lock.status();
  return std::unique_ptr<StateFolder>(new StateFolder(real, *lock));
}

StateFolder::~StateFolder() { close(lock_); }

std::string StateFolder::Path(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

}  // namespace pretext
