#ifndef PRETEXT_CLIENT_COMMANDS_RESULTS_PARTIAL_FILE_H_
#define PRETEXT_CLIENT_COMMANDS_RESULTS_PARTIAL_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/coordinator_client/coordinator_client.h"

namespace pretext {

// A file on its way here: it grows under PATH.part and gets its name when it is whole, so that PATH is always
// either the old file or the new one. What is there of PATH.part is kept for the next time. Errors have the
// reason kLocalFileReason and name the path. Thread-compatible.
class PartialFile {
 public:
  // Makes the folders above `path`.
  static absl::StatusOr<PartialFile> Open(const std::string& path);
  PartialFile(PartialFile&& other) noexcept;
  PartialFile& operator=(PartialFile&&) = delete;
  ~PartialFile();

  // What an earlier download has left, with its digest.
  const CoordinatorClient::FileStart& start() const { return start_; }

  absl::Status Append(absl::string_view bytes);
  // Forgets what is there.
  absl::Status StartAnew();
  // Durable, and under its name, when it returns.
  absl::Status Finish();

 private:
  PartialFile(std::string path, int file) : path_(std::move(path)), file_(file) {}
  absl::Status ReadStart();

  std::string path_;
  int file_;
  CoordinatorClient::FileStart start_;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COMMANDS_RESULTS_PARTIAL_FILE_H_
