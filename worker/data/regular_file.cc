#include "worker/data/regular_file.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/cpp/utf8.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

absl::string_view KindOf(fs::file_type type) {
  switch (type) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    case fs::file_type::block:
    case fs::file_type::character:
      return "a device";
    default:
      return "no file";
  }
}

}  // namespace

absl::Status CheckIsRegularFile(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return absl::OkStatus();
  const std::string named = path.empty() ? "(empty path)" : EscapeStrayBytes(path);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat(named, ": no such file on this machine"));
  }
  if (status.type() == fs::file_type::none) {
    return absl::PermissionDeniedError(absl::StrCat(named, ": ", error.message()));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(named, ": is ", KindOf(status.type()), "; name a regular file, which can be read again"));
}

}  // namespace pretext
