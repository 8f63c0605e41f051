#include "worker/report/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace pretext {

absl::StatusOr<std::unique_ptr<AppendFile>> AppendFile::Open(const std::string& path) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  const off_t size = lseek(file, 0, SEEK_END);
  if (size < 0) {
    const int error = errno;
    close(file);
    return absl::ErrnoToStatus(error, absl::StrCat("cannot append to ", path));
  }
  return std::unique_ptr<AppendFile>(new AppendFile(path, file, size));
}

AppendFile::~AppendFile() { close(file_); }

absl::Status AppendFile::Append(absl::string_view record) {
  size_t written = 0;
  while (written < record.size()) {
    const ssize_t count =
        pwrite(file_, record.data() + written, record.size() - written, size_ + static_cast<off_t>(written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int error = count < 0 ? errno : ENOSPC;
      // If even that fails, the next record is written over the remains.
      (void)!ftruncate(file_, size_);
      return absl::ErrnoToStatus(error, absl::StrCat("cannot write ", path_));
    }
    written += count;
  }
  size_ += static_cast<int64_t>(written);
  return absl::OkStatus();
}

absl::Status AppendFile::Sync() {
  if (fdatasync(file_) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path_, " to the disk"));
}

}  // namespace pretext
