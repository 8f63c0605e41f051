#ifndef PRETEXT_WORKER_REPORT_ACKNOWLEDGED_MARK_H_
#define PRETEXT_WORKER_REPORT_ACKNOWLEDGED_MARK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace pretext {

// How far the coordinator has a job's metrics, kept in a small file of the output folder. A rank that is
// killed while the coordinator is away takes what was not sent along; its successor reads here from where on
// to send it again.
struct AcknowledgedPoint {
  std::string stage;  // empty: nothing yet
  int64_t step = 0;
};

inline constexpr char kAcknowledgedMarkName[] = ".acknowledged";

// Replaces the mark in one write, so that a killed process leaves either the old or the new one.
absl::Status WriteAcknowledgedMark(const std::string& output, const AcknowledgedPoint& point);

// Nothing yet, when there is no file. DATA_LOSS: it cannot be understood.
absl::StatusOr<AcknowledgedPoint> ReadAcknowledgedMark(const std::string& output);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_ACKNOWLEDGED_MARK_H_
