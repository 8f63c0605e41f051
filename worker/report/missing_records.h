#ifndef PRETEXT_WORKER_REPORT_MISSING_RECORDS_H_
#define PRETEXT_WORKER_REPORT_MISSING_RECORDS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "worker/report/remark.h"

namespace pretext {

// Counts records that could not be written. A full disk is mentioned when it fills and when there is room
// again, not with every record. Thread-compatible.
class MissingRecords {
 public:
  // How writing one record of `file` went, and what is to be said about it.
  absl::optional<Remark> Note(const std::string& file, const absl::Status& status);

  // At the end: of every file from which records are missing.
  std::vector<Remark> Rest() const;

 private:
  std::map<std::string, int64_t> missing_;  // by file, since it was last written
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_MISSING_RECORDS_H_
