#include "worker/checkpoint/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

absl::Status WriteAndSync(const std::string& path, absl::string_view bytes) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return FileError("create", path, errno);
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      close(file);
      return FileError("write", path, error);
    }
    bytes.remove_prefix(written);
  }
  const int synced = fsync(file) == 0 ? 0 : errno;
  const int closed = close(file) == 0 ? 0 : errno;
  if (synced != 0 || closed != 0) return FileError("write", path, synced != 0 ? synced : closed);
  return absl::OkStatus();
}

// Whether making a folder fails in the same way however often it is tried.
bool IsRefusal(int error) {
  return error == EACCES || error == EPERM || error == EROFS || error == EEXIST || error == ENOTDIR ||
         error == ELOOP || error == ENAMETOOLONG;
}

}  // namespace

absl::Status FileError(absl::string_view doing, absl::string_view path, int error) {
  const std::string message = absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(error));
  if (error != ENOSPC && error != EDQUOT && error != EFBIG) return absl::UnavailableError(message);
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(message, "; make room and start the job again")),
      "DISK_FULL");
}

absl::Status WriteWholeFile(const std::string& path, absl::string_view bytes) {
  const std::string partial = path + ".partial";
  PRETEXT_RETURN_IF_ERROR(WriteAndSync(partial, bytes));
  if (std::rename(partial.c_str(), path.c_str()) != 0) return FileError("rename to", path, errno);
  return SyncFolder(std::filesystem::path(path).parent_path());
}

absl::Status SyncFolder(const std::string& folder) {
  const int handle = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return FileError("open", folder, errno);
  const int synced = fsync(handle) == 0 ? 0 : errno;
  close(handle);
  return synced == 0 ? absl::OkStatus() : FileError("sync", folder, synced);
}

absl::Status MakeFolders(const std::string& folder) {
  std::error_code unknown;
  if (folder.empty() || std::filesystem::is_directory(folder, unknown)) return absl::OkStatus();
  const std::filesystem::path path(folder);
  // "a/b/" is "a/b" with an empty name at its end.
  if (!path.has_filename()) return MakeFolders(path.parent_path());
  PRETEXT_RETURN_IF_ERROR(MakeFolders(path.parent_path()));
  if (mkdir(folder.c_str(), 0777) != 0) {
    const int error = errno;
    if (error == EEXIST && std::filesystem::is_directory(folder, unknown)) return absl::OkStatus();
    const absl::Status failed = FileError("make the folder", folder, error);
    if (!IsRefusal(error)) return failed;
    return absl::FailedPreconditionError(
        absl::StrCat(failed.message(), "; give the job an output that the workers can write"));
  }
  return SyncFolder(path.parent_path());
}

}  // namespace pretext
