#ifndef PRETEXT_WORKER_REPORT_APPEND_FILE_H_
#define PRETEXT_WORKER_REPORT_APPEND_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace pretext {

// A file that records are appended to, each whole or not at all: what a full disk cut short is taken back. A
// record is with the kernel when Append returns, so that it outlives the process. Thread-compatible.
class AppendFile {
 public:
  // Made when it is not there. Errors are the system's and name the path.
  static absl::StatusOr<std::unique_ptr<AppendFile>> Open(const std::string& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  absl::Status Append(absl::string_view record);
  // Returns when all of it is on the disk.
  absl::Status Sync();

  const std::string& path() const { return path_; }

 private:
  AppendFile(std::string path, int file, int64_t size) : path_(std::move(path)), file_(file), size_(size) {}

  const std::string path_;
  const int file_;
  int64_t size_;  // of whole records
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_APPEND_FILE_H_
