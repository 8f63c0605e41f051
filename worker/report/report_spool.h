#ifndef PRETEXT_WORKER_REPORT_REPORT_SPOOL_H_
#define PRETEXT_WORKER_REPORT_REPORT_SPOOL_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// Reports that wait on disk, first in first out. The file has no name, so that a killed process leaves none
// behind. Thread-compatible; waits for the disk.
class ReportSpool {
 public:
  // The file is made in `folder` when it is first needed.
  explicit ReportSpool(std::string folder) : folder_(std::move(folder)) {}
  ~ReportSpool();
  ReportSpool(const ReportSpool&) = delete;
  ReportSpool& operator=(const ReportSpool&) = delete;

  bool empty() const { return waiting_.empty(); }

  // Nothing is stored when it fails: the disk is full or the folder cannot be written.
  absl::Status Append(const v1::ReportRequest& report);
  // The oldest. It is gone from the spool even when it cannot be read: DATA_LOSS. REQUIRES: !empty().
  absl::StatusOr<v1::ReportRequest> TakeFirst();

 private:
  absl::Status Open();

  const std::string folder_;
  int file_ = -1;
  int64_t end_ = 0;
  std::deque<std::pair<int64_t, int64_t>> waiting_;  // offset and size
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_REPORT_SPOOL_H_
