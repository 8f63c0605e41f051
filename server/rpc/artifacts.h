#ifndef PRETEXT_SERVER_RPC_ARTIFACTS_H_
#define PRETEXT_SERVER_RPC_ARTIFACTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/job_service.pb.h"
#include "proto/cpp/sha256.h"

namespace pretext {

// Regular files below a job's output folder, by path; links are not followed. Empty when the folder is not
// there (yet, or on this machine). UNAVAILABLE: it cannot be read.
absl::StatusOr<std::vector<v1::Artifact>> FindArtifacts(const std::string& output);

// True when the job's output is on this machine and the checkpoint's folder is no longer in it.
bool WasRemoved(const std::string& output, const std::string& checkpoint_path);

// The real path of `path` below `output`. INVALID_ARGUMENT: it leaves the folder, by "..", by a link or by
// being absolute. NOT_FOUND: there is no such file.
absl::StatusOr<std::string> ResolveArtifact(const std::string& output, absl::string_view path);

// Reads one file once, front to back, as it was long when opened. Thread-compatible.
class ArtifactReader {
 public:
  // Reads from `offset`, which counts towards the digest all the same. OUT_OF_RANGE: past the end. Else as
  // ResolveArtifact.
  static absl::StatusOr<std::unique_ptr<ArtifactReader>> Open(const std::string& output,
                                                              absl::string_view path, int64_t offset);
  ~ArtifactReader();
  ArtifactReader(const ArtifactReader&) = delete;
  ArtifactReader& operator=(const ArtifactReader&) = delete;

  // At most `most` bytes; none at the end. DATA_LOSS: the file has become shorter.
  absl::Status Read(size_t most, std::string* data);
  int64_t offset() const { return offset_; }
  // Of the whole file. Call once, at the end.
  std::string HexDigest() { return digest_.HexDigest(); }

 private:
  ArtifactReader(int file, int64_t bytes, std::string path)
      : file_(file), bytes_(bytes), path_(std::move(path)) {}

  const int file_;
  const int64_t bytes_;
  const std::string path_;
  int64_t offset_ = 0;
  Sha256 digest_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_ARTIFACTS_H_
