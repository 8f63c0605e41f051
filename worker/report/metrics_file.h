#ifndef PRETEXT_WORKER_REPORT_METRICS_FILE_H_
#define PRETEXT_WORKER_REPORT_METRICS_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "worker/report/append_file.h"

namespace pretext {

// The values of one step, a line of metrics.jsonl:
//   {"stage":"pretrain","epoch":3,"step":120,"steps":400,"attempt":1,"time":"2026-03-01T12:00:00.123Z",
//    "pretrain/loss":5.1}
// Values that are not finite are null.
struct MetricsRow {
  std::string stage;
  absl::optional<int32_t> epoch;
  int64_t step = 0;
  absl::optional<int64_t> steps;  // in all
  int32_t attempt = 0;
  absl::Time time;
  std::vector<std::pair<std::string, double>> values;
};

// With its end of line.
std::string ToJsonLine(const MetricsRow& row);
// Nothing when `line` is no such line, as after a power cut.
absl::optional<MetricsRow> FromJsonLine(absl::string_view line);

// metrics.jsonl. Thread-compatible.
class MetricsFile {
 public:
  // Made when it is not there.
  static absl::StatusOr<std::unique_ptr<MetricsFile>> Open(const std::string& path);

  // Whole or not at all.
  absl::Status Append(const MetricsRow& row);

  // Asks `keep` about every line from the first on and drops those it refuses, besides those that are no
  // lines: by a new file that takes the old one's place, so that a crash leaves one of the two. Returns how
  // many were dropped. On an error the file is as it was.
  absl::StatusOr<int64_t> Filter(const std::function<bool(const MetricsRow&)>& keep);

  absl::Status Sync() { return file_->Sync(); }

 private:
  explicit MetricsFile(std::unique_ptr<AppendFile> file) : file_(std::move(file)) {}

  std::unique_ptr<AppendFile> file_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_METRICS_FILE_H_
