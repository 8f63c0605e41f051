#ifndef PRETEXT_WORKER_REPORT_EVENT_FILE_H_
#define PRETEXT_WORKER_REPORT_EVENT_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "worker/report/append_file.h"

namespace pretext {

// A file of scalars that TensorBoard shows, OUT/events.out.tfevents.{seconds}.{host}.{pid}.0: records of
// TensorFlow's TFRecord framing, each an Event. Thread-compatible.
class EventFile {
 public:
  // Makes a new file in `folder`, whose name sorts after those that are there, as TensorBoard reads them in
  // that order. With `forget_earlier` it begins with the word to forget everything that those told.
  static absl::StatusOr<std::unique_ptr<EventFile>> Create(const std::string& folder, absl::Time now,
                                                           bool forget_earlier);

  // Whole or not at all.
  absl::Status AddScalars(absl::Time time, int64_t step,
                          const std::vector<std::pair<std::string, double>>& values);
  absl::Status Sync() { return file_->Sync(); }

  const std::string& path() const { return file_->path(); }

 private:
  explicit EventFile(std::unique_ptr<AppendFile> file) : file_(std::move(file)) {}

  std::unique_ptr<AppendFile> file_;
};

// The paths of the event files in `folder`, in the order TensorBoard reads them.
std::vector<std::string> ListEventFiles(const std::string& folder);

// `payload` as a TFRecord: length, checksum of the length, payload, checksum of the payload.
std::string FrameRecord(absl::string_view payload);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_EVENT_FILE_H_
