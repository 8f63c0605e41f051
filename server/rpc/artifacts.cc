#include "server/rpc/artifacts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "server/coordinator/rejections.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

bool IsBelow(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

absl::Status Leaves(absl::string_view path) {
  return InvalidField(
      "path",
      absl::StrCat(Quoted(path), " leaves the job's output folder; give a path that ListArtifacts names"));
}

}  // namespace

absl::StatusOr<std::vector<v1::Artifact>> FindArtifacts(const std::string& output) {
  std::vector<v1::Artifact> artifacts;
  std::error_code error;
  if (!fs::is_directory(output, error)) return artifacts;
  fs::recursive_directory_iterator entry(output, fs::directory_options::skip_permission_denied, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    struct stat status;
    // A file that has gone since is no artifact.
    if (lstat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    // Nor one whose name no message can carry: nothing of a job's is named so.
    const std::string path = entry->path().lexically_relative(output).string();
    if (!IsValidUtf8(path)) continue;
    v1::Artifact& artifact = artifacts.emplace_back();
    artifact.set_path(path);
    artifact.set_bytes(status.st_size);
    *artifact.mutable_modify_time() = ToTimestamp(absl::TimeFromTimespec(status.st_mtim));
  }
  if (error) return absl::UnavailableError(absl::StrCat("cannot read ", output, ": ", error.message()));
  std::sort(artifacts.begin(), artifacts.end(),
            [](const v1::Artifact& a, const v1::Artifact& b) { return a.path() < b.path(); });
  return artifacts;
}

bool WasRemoved(const std::string& output, const std::string& checkpoint_path) {
  std::error_code error;
  return fs::is_directory(output, error) && !checkpoint_path.empty() && !fs::exists(checkpoint_path, error) &&
         !error;
}

absl::StatusOr<std::string> ResolveArtifact(const std::string& output, absl::string_view path) {
  const fs::path relative((std::string(path)));
  if (relative.empty()) return InvalidField("path", "is missing; ListArtifacts names the files there are");
  if (relative.is_absolute() || !IsBelow((fs::path("/o") / relative).lexically_normal(), "/o"))
    return Leaves(path);
  std::error_code error;
  const fs::path folder = fs::canonical(output, error);
  if (error) return absl::NotFoundError(absl::StrCat("the output folder ", output, ": ", error.message()));
  const fs::path real = fs::canonical(folder / relative, error);
  if (error) return absl::NotFoundError(absl::StrCat(Quoted(path), " in ", output, ": ", error.message()));
  if (!IsBelow(real, folder)) return Leaves(path);
  if (!fs::is_regular_file(real, error)) {
    return absl::NotFoundError(absl::StrCat(Quoted(path), " in ", output, " is not a file"));
  }
  return real.string();
}

absl::StatusOr<std::unique_ptr<ArtifactReader>> ArtifactReader::Open(const std::string& output,
                                                                     absl::string_view path, int64_t offset) {
  PRETEXT_ASSIGN_OR_RETURN(std::string real, ResolveArtifact(output, path));
  const int file = open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return absl::NotFoundError(absl::StrCat("cannot open ", real, ": ", std::strerror(errno)));
  struct stat status;
  const int64_t bytes = fstat(file, &status) == 0 ? status.st_size : 0;
  std::unique_ptr<ArtifactReader> reader(new ArtifactReader(file, bytes, std::move(real)));
  if (offset < 0 || offset > bytes) {
    return absl::OutOfRangeError(
        absl::StrCat("offset: ", offset, " is not in 0 .. ", bytes, ", the file's length"));
  }
  std::string skipped;
  while (reader->offset_ < offset) {
    PRETEXT_RETURN_IF_ERROR(reader->Read(std::min<int64_t>(1 << 20, offset - reader->offset_), &skipped));
  }
  return reader;
}

ArtifactReader::~ArtifactReader() { close(file_); }

absl::Status ArtifactReader::Read(size_t most, std::string* data) {
  data->resize(std::min<int64_t>(most, bytes_ - offset_));
  size_t have = 0;
  while (have < data->size()) {
    const ssize_t got = pread(file_, data->data() + have, data->size() - have, offset_ + have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return absl::UnavailableError(absl::StrCat("cannot read ", path_, ": ", std::strerror(errno)));
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path_, " became shorter while it was read; begin again"));
    }
    have += got;
  }
  digest_.Update(*data);
  offset_ += data->size();
  return absl::OkStatus();
}

}  // namespace pretext
