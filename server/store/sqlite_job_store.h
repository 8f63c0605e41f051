#ifndef PRETEXT_SERVER_STORE_SQLITE_JOB_STORE_H_
#define PRETEXT_SERVER_STORE_SQLITE_JOB_STORE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/job_store.h"
#include "server/store/sqlite_database.h"

namespace pretext {

// The journal in an SQLite file: one row an event, numbered by revision.
class SqliteJobStore final : public JobStore {
 public:
  // Errors as SqliteDatabase::Open.
  static absl::StatusOr<std::unique_ptr<SqliteJobStore>> Open(const std::string& path);

  absl::StatusOr<int64_t> Append(absl::Span<const v1::Event> events, int64_t expected_revision) override;
  absl::Status Replay(int64_t after_revision,
                      const std::function<void(int64_t revision, const v1::Event& event)>& visit) override;

 private:
  SqliteJobStore(std::string path, std::unique_ptr<SqliteDatabase> database)
      : path_(std::move(path)), database_(std::move(database)) {}

  const std::string path_;
  absl::Mutex mutex_;
  const std::unique_ptr<SqliteDatabase> database_ ABSL_PT_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_SQLITE_JOB_STORE_H_
