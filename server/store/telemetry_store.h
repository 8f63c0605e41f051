#ifndef PRETEXT_SERVER_STORE_TELEMETRY_STORE_H_
#define PRETEXT_SERVER_STORE_TELEMETRY_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "pretext/v1/telemetry.pb.h"

namespace pretext {

// What jobs measured and said: metric points and log lines. Durable, and not part of the journal, because
// nothing is decided by it. Any thread.
class TelemetryStore {
 public:
  virtual ~TelemetryStore() = default;

  // One report of a rank: stored whole or not at all, durable on return. A report whose `sequence` is not
  // above the rank's last one is already stored and changes nothing. Points are idempotent by (job, attempt,
  // metric, step) besides: the first value stays.
  virtual absl::Status Write(const std::string& job, int32_t attempt, int32_t rank, int64_t sequence,
                             const std::vector<v1::MetricPoint>& points,
                             const std::vector<v1::LogLine>& lines) = 0;

  struct MetricPage {
    std::vector<v1::MetricPoint> points;
    int64_t cursor = 0;  // after the last point; the caller's own when there are none
  };
  // At most `limit` points after `cursor` (0: from the start) in the order they arrived. `metrics`: exact
  // names or prefixes ending in '*'; empty: all. With `newest_attempt_only`, a point is left out when a
  // higher attempt of the same metric and step is stored. OUT_OF_RANGE: `cursor` is beyond everything that
  // was ever stored, so it is from elsewhere.
  virtual absl::StatusOr<MetricPage> ReadMetrics(const std::string& job, int64_t cursor,
                                                 const std::vector<std::string>& metrics,
                                                 bool newest_attempt_only, int limit) = 0;

  struct LogPage {
    std::vector<v1::LogLine> lines;
    int64_t cursor = 0;
  };
  struct LogQuery {
    int64_t cursor = 0;
    absl::optional<int32_t> rank;
    absl::optional<int32_t> attempt;
    int32_t last = 0;  // if positive and cursor is 0: only so many before the end
  };
  // OUT_OF_RANGE as above.
  virtual absl::StatusOr<LogPage> ReadLogs(const std::string& job, const LogQuery& query, int limit) = 0;

  // Forgets all of a job.
  virtual absl::Status Delete(const std::string& job) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_TELEMETRY_STORE_H_
