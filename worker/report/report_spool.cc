#include "worker/report/report_spool.h"

#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {

ReportSpool::~ReportSpool() {
  if (file_ >= 0) close(file_);
}

absl::Status ReportSpool::Open() {
  if (file_ >= 0) return absl::OkStatus();
  std::string path = absl::StrCat(folder_, "/.unsent-reports-XXXXXX");
  file_ = mkstemp(path.data());
  if (file_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  unlink(path.c_str());
  return absl::OkStatus();
}

absl::Status ReportSpool::Append(const v1::ReportRequest& report) {
  PRETEXT_RETURN_IF_ERROR(Open());
  const std::string bytes = report.SerializeAsString();
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = pwrite(file_, bytes.data() + written, bytes.size() - written, end_ + written);
    if (count < 0 && errno == EINTR) continue;
    // The next report is written over what there is of this one.
    if (count <= 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write to a file in ", folder_));
    written += count;
  }
  waiting_.emplace_back(end_, bytes.size());
  end_ += bytes.size();
  return absl::OkStatus();
}

absl::StatusOr<v1::ReportRequest> ReportSpool::TakeFirst() {
  const auto [offset, size] = waiting_.front();
  waiting_.pop_front();
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t count = pread(file_, bytes.data() + got, bytes.size() - got, offset + got);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    got += count;
  }
  if (waiting_.empty() && ftruncate(file_, 0) == 0) end_ = 0;
  v1::ReportRequest report;
  if (got < bytes.size() || !report.ParseFromString(bytes)) {
    return absl::DataLossError(absl::StrCat("a report of ", size, " bytes that waited in ", folder_,
                                            " cannot be read back; its metrics are in metrics.jsonl"));
  }
  return report;
}

}  // namespace pretext
