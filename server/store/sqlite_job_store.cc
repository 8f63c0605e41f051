#include "server/store/sqlite_job_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr int kVersion = 1;
constexpr char kSchema[] = "CREATE TABLE events (revision INTEGER PRIMARY KEY, record BLOB NOT NULL)";

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteJobStore>> SqliteJobStore::Open(const std::string& path) {
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> database,
                           SqliteDatabase::Open(path, kSchema, kVersion));
  return std::unique_ptr<SqliteJobStore>(new SqliteJobStore(path, std::move(database)));
}

absl::StatusOr<int64_t> SqliteJobStore::Append(absl::Span<const v1::Event> events,
                                               int64_t expected_revision) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database_.get()));
  int64_t revision = 0;
  {
    PRETEXT_ASSIGN_OR_RETURN(SqliteStatement newest,
                             database_->Prepare("SELECT COALESCE(MAX(revision), 0) FROM events"));
    PRETEXT_RETURN_IF_ERROR(newest.Step().status());
    revision = newest.Int(0);
  }
  if (revision != expected_revision) {
    return absl::AbortedError(absl::StrCat("the journal is at revision ", revision, ", not ",
                                           expected_revision, ": another coordinator leads"));
  }
  PRETEXT_ASSIGN_OR_RETURN(SqliteStatement insert,
                           database_->Prepare("INSERT INTO events (revision, record) VALUES (?, ?)"));
  for (const v1::Event& event : events) {
    PRETEXT_RETURN_IF_ERROR(insert.Bind(1, ++revision).BindBytes(2, event.SerializeAsString()).Run());
  }
  PRETEXT_RETURN_IF_ERROR(transaction.Commit());
  return revision;
}

absl::Status SqliteJobStore::Replay(
    int64_t after_revision, const std::function<void(int64_t revision, const v1::Event& event)>& visit) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement read,
      database_->Prepare("SELECT revision, record FROM events WHERE revision > ? ORDER BY revision"));
  read.Bind(1, after_revision);
  for (int64_t expected = after_revision + 1;; ++expected) {
    PRETEXT_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more) return absl::OkStatus();
    if (read.Int(0) != expected) {
      return absl::DataLossError(absl::StrCat(path_, " lacks the event of revision ", expected,
                                              "; put a whole copy of it back, or move it away"));
    }
    v1::Event event;
    if (!event.ParseFromString(read.Text(1)) || event.kind_case() == v1::Event::KIND_NOT_SET) {
      return absl::DataLossError(
          absl::StrCat(path_, ": the event of revision ", expected,
                       " cannot be read; if a newer program has written it, use that"));
    }
    visit(expected, event);
  }
}

}  // namespace pretext
