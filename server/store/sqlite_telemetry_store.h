#ifndef PRETEXT_SERVER_STORE_SQLITE_TELEMETRY_STORE_H_
#define PRETEXT_SERVER_STORE_SQLITE_TELEMETRY_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/sqlite_database.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// Telemetry in an SQLite file. A cursor is a row's number, which only grows.
class SqliteTelemetryStore final : public TelemetryStore {
 public:
  // Errors as SqliteDatabase::Open.
  static absl::StatusOr<std::unique_ptr<SqliteTelemetryStore>> Open(const std::string& path);

  absl::Status Write(const std::string& job, int32_t attempt, int32_t rank, int64_t sequence,
                     const std::vector<v1::MetricPoint>& points,
                     const std::vector<v1::LogLine>& lines) override;
  absl::StatusOr<MetricPage> ReadMetrics(const std::string& job, int64_t cursor,
                                         const std::vector<std::string>& metrics, bool newest_attempt_only,
                                         int limit) override;
  absl::StatusOr<LogPage> ReadLogs(const std::string& job, const LogQuery& query, int limit) override;
  absl::Status Delete(const std::string& job) override;

 private:
  explicit SqliteTelemetryStore(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {}

  absl::StatusOr<int64_t> ReadSequence(const std::string& job, int32_t attempt, int32_t rank)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status InsertPoints(const std::string& job, const std::vector<v1::MetricPoint>& points)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status InsertLines(const std::string& job, const std::vector<v1::LogLine>& lines)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The cursor before the last `query.last` lines.
  absl::StatusOr<int64_t> FindTail(const std::string& job, const LogQuery& query)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // OUT_OF_RANGE when no row of `table` was ever numbered as high as `cursor`.
  absl::Status CheckCursor(const char* table, int64_t cursor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  const std::unique_ptr<SqliteDatabase> database_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_SQLITE_TELEMETRY_STORE_H_
