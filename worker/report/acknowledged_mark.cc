#include "worker/report/acknowledged_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace pretext {
namespace {

// Marks are padded to this, so that a shorter one covers a longer one.
constexpr size_t kBytes = 128;

std::string PathOf(const std::string& output) { return absl::StrCat(output, "/", kAcknowledgedMarkName); }

}  // namespace

absl::Status WriteAcknowledgedMark(const std::string& output, const AcknowledgedPoint& point) {
  std::string text = absl::StrCat(point.stage, " ", point.step);
  text.resize(std::max(text.size(), kBytes - 1), ' ');
  text += '\n';
  const std::string path = PathOf(output);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  const auto closer = absl::MakeCleanup([file] { close(file); });
  if (pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

absl::StatusOr<AcknowledgedPoint> ReadAcknowledgedMark(const std::string& output) {
  const std::string path = PathOf(output);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return AcknowledgedPoint();
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  const auto closer = absl::MakeCleanup([file] { close(file); });
  std::string text(2 * kBytes, '\0');
  const ssize_t count = pread(file, text.data(), text.size(), 0);
  if (count < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  text.resize(count);
  const std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  AcknowledgedPoint point;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &point.step)) {
    return absl::DataLossError(absl::StrCat(path, " holds no stage and step; remove it"));
  }
  point.stage = words[0];
  return point;
}

}  // namespace pretext
