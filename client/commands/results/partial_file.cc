#include "client/commands/results/partial_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/session/exit_codes.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr size_t kReadBytes = 1 << 20;

std::string PartPath(const std::string& path) { return path + ".part"; }

absl::Status LocalError(absl::string_view what, const std::string& path, int cause) {
  return WithReason(absl::UnknownError(absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(cause))),
                    kLocalFileReason);
}

}  // namespace

absl::StatusOr<PartialFile> PartialFile::Open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) return LocalError("make the folder of", path, error.value());
  const int file = open(PartPath(path).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (file < 0) return LocalError("write", PartPath(path), errno);
  PartialFile partial(path, file);
  PRETEXT_RETURN_IF_ERROR(partial.ReadStart());
  return partial;
}

PartialFile::PartialFile(PartialFile&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)), start_(std::move(other.start_)) {}

PartialFile::~PartialFile() {
  if (file_ >= 0) close(file_);
}

absl::Status PartialFile::ReadStart() {
  std::vector<char> buffer(kReadBytes);
  while (true) {
    const ssize_t count = read(file_, buffer.data(), buffer.size());
    if (count < 0) return LocalError("read", PartPath(path_), errno);
    if (count == 0) return absl::OkStatus();
    start_.digest.Update(absl::string_view(buffer.data(), count));
    start_.bytes += count;
  }
}

absl::Status PartialFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return LocalError("write", PartPath(path_), errno);
    bytes.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status PartialFile::StartAnew() {
  if (ftruncate(file_, 0) != 0 || lseek(file_, 0, SEEK_SET) != 0)
    return LocalError("empty", PartPath(path_), errno);
  start_ = CoordinatorClient::FileStart();
  return absl::OkStatus();
}

absl::Status PartialFile::Finish() {
  if (fsync(file_) != 0) return LocalError("write", PartPath(path_), errno);
  if (rename(PartPath(path_).c_str(), path_.c_str()) != 0) return LocalError("write", path_, errno);
  return absl::OkStatus();
}

}  // namespace pretext
