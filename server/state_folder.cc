#include "server/state_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

std::string ReadHolder(int lock) {
  char text[32] = {};
  const ssize_t length = pread(lock, text, sizeof(text) - 1, 0);
  return length <= 0 ? "unknown" : std::string(absl::StripAsciiWhitespace(absl::string_view(text, length)));
}

}  // namespace

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
  const std::string lock_path = absl::StrCat(real, "/server.lock");
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0)
    return absl::UnavailableError(absl::StrCat("cannot open ", lock_path, ": ", std::strerror(errno)));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const std::string holder = ReadHolder(lock);
    close(lock);
    return absl::FailedPreconditionError(absl::StrCat("the state folder ", real,
                                                      " is in use by a pretext-server with process id ",
                                                      holder, "; stop that one or choose another --state"));
  }
  const std::string pid = absl::StrCat(getpid(), "\n");
  if (ftruncate(lock, 0) != 0 ||
      pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    const int cause = errno;
    close(lock);
    return absl::UnavailableError(absl::StrCat("cannot write ", lock_path, ": ", std::strerror(cause)));
  }
  return std::unique_ptr<StateFolder>(new StateFolder(real, lock));
}

StateFolder::~StateFolder() { close(lock_); }

std::string StateFolder::Path(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

}  // namespace pretext
