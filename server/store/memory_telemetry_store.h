#ifndef PRETEXT_SERVER_STORE_MEMORY_TELEMETRY_STORE_H_
#define PRETEXT_SERVER_STORE_MEMORY_TELEMETRY_STORE_H_

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// Telemetry that lives as long as this object. For tests and simulations.
class MemoryTelemetryStore final : public TelemetryStore {
 public:
  absl::Status Write(const std::string& job, int32_t attempt, int32_t rank, int64_t sequence,
                     const std::vector<v1::MetricPoint>& points,
                     const std::vector<v1::LogLine>& lines) override;
  absl::StatusOr<MetricPage> ReadMetrics(const std::string& job, int64_t cursor,
                                         const std::vector<std::string>& metrics, bool newest_attempt_only,
                                         int limit) override;
  absl::StatusOr<LogPage> ReadLogs(const std::string& job, const LogQuery& query, int limit) override;
  absl::Status Delete(const std::string& job) override;

  // Writes are refused with `status` from now on, until it is OK again.
  void RefuseWith(absl::Status status);

 private:
  struct JobTelemetry {
    std::map<std::pair<int32_t, int32_t>, int64_t> sequences;           // by attempt and rank
    std::vector<v1::MetricPoint> points;                                // a cursor is an index
    std::set<std::tuple<int32_t, std::string, int64_t>> known;          // attempt, metric, step
    std::map<std::pair<std::string, int64_t>, int32_t> newest_attempt;  // of a metric's step
    std::vector<v1::LogLine> lines;
  };

  absl::Mutex mutex_;
  std::map<std::string, JobTelemetry> jobs_ ABSL_GUARDED_BY(mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_MEMORY_TELEMETRY_STORE_H_
