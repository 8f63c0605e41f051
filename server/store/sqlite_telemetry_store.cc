#include "server/store/sqlite_telemetry_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr int kVersion = 1;
constexpr char kSchema[] = R"(
CREATE TABLE points (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL, metric TEXT NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL,
  value REAL, time_ns INTEGER NOT NULL,
  UNIQUE (job, metric, step, attempt));
CREATE INDEX points_by_arrival ON points (job, id);
CREATE TABLE lines (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job TEXT NOT NULL, attempt INTEGER NOT NULL, rank INTEGER NOT NULL,
  severity INTEGER NOT NULL, text TEXT NOT NULL, time_ns INTEGER NOT NULL);
CREATE INDEX lines_by_arrival ON lines (job, id);
CREATE TABLE sequences (
  job TEXT NOT NULL, attempt INTEGER NOT NULL, rank INTEGER NOT NULL, sequence INTEGER NOT NULL,
  PRIMARY KEY (job, attempt, rank)) WITHOUT ROWID)";

int64_t ToNanos(const google::protobuf::Timestamp& time) { return absl::ToUnixNanos(FromTimestamp(time)); }

google::protobuf::Timestamp FromNanos(int64_t nanos) { return ToTimestamp(absl::FromUnixNanos(nanos)); }

// " AND (metric = ? OR substr(metric, 1, n) = ? ...)", one parameter a pattern.
std::string MetricCondition(const std::vector<std::string>& metrics) {
  std::string condition;
  for (const std::string& pattern : metrics) {
    absl::StrAppend(&condition, condition.empty() ? " AND (" : " OR ",
                    absl::EndsWith(pattern, "*") ? absl::StrCat("substr(metric, 1, length(?))") : "metric",
                    " = ?");
    // The prefix is a parameter twice: for its length and for itself.
  }
  return condition.empty() ? condition : condition + ")";
}

int BindMetrics(SqliteStatement& statement, int parameter, const std::vector<std::string>& metrics) {
  for (const std::string& pattern : metrics) {
    absl::string_view name = pattern;
    if (absl::ConsumeSuffix(&name, "*")) statement.Bind(parameter++, name);
    statement.Bind(parameter++, name);
  }
  return parameter;
}

std::string LogCondition(const TelemetryStore::LogQuery& query) {
  return absl::StrCat(query.rank.has_value() ? absl::StrCat(" AND rank = ", *query.rank) : "",
                      query.attempt.has_value() ? absl::StrCat(" AND attempt = ", *query.attempt) : "");
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteTelemetryStore>> SqliteTelemetryStore::Open(const std::string& path) {
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> database,
                           SqliteDatabase::Open(path, kSchema, kVersion));
  return std::unique_ptr<SqliteTelemetryStore>(new SqliteTelemetryStore(std::move(database)));
}

absl::StatusOr<int64_t> SqliteTelemetryStore::ReadSequence(const std::string& job, int32_t attempt,
                                                           int32_t rank) {
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement read,
      database_->Prepare("SELECT sequence FROM sequences WHERE job = ? AND attempt = ? AND rank = ?"));
  read.Bind(1, job).Bind(2, int64_t{attempt}).Bind(3, int64_t{rank});
  PRETEXT_ASSIGN_OR_RETURN(const bool found, read.Step());
  return found ? read.Int(0) : 0;
}

absl::Status SqliteTelemetryStore::InsertPoints(const std::string& job,
                                                const std::vector<v1::MetricPoint>& points) {
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement insert,
      database_->Prepare("INSERT OR IGNORE INTO points (job, metric, step, attempt, value, time_ns) "
                         "VALUES (?, ?, ?, ?, ?, ?)"));
  for (const v1::MetricPoint& point : points) {
    insert.Bind(1, job)
        .Bind(2, point.metric())
        .Bind(3, int64_t{point.step()})
        .Bind(4, int64_t{point.attempt()});
    PRETEXT_RETURN_IF_ERROR(insert.Bind(5, point.value()).Bind(6, ToNanos(point.time())).Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteTelemetryStore::InsertLines(const std::string& job,
                                               const std::vector<v1::LogLine>& lines) {
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement insert,
      database_->Prepare(
          "INSERT INTO lines (job, attempt, rank, severity, text, time_ns) VALUES (?, ?, ?, ?, ?, ?)"));
  for (const v1::LogLine& line : lines) {
    insert.Bind(1, job).Bind(2, int64_t{line.attempt()}).Bind(3, int64_t{line.rank()});
    insert.Bind(4, int64_t{line.severity()}).Bind(5, line.text());
    PRETEXT_RETURN_IF_ERROR(insert.Bind(6, ToNanos(line.time())).Run());
  }
  return absl::OkStatus();
}

absl::Status SqliteTelemetryStore::Write(const std::string& job, int32_t attempt, int32_t rank,
                                         int64_t sequence, const std::vector<v1::MetricPoint>& points,
                                         const std::vector<v1::LogLine>& lines) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database_.get()));
  PRETEXT_ASSIGN_OR_RETURN(const int64_t last, ReadSequence(job, attempt, rank));
  if (sequence <= last) return absl::OkStatus();
  PRETEXT_RETURN_IF_ERROR(InsertPoints(job, points));
  PRETEXT_RETURN_IF_ERROR(InsertLines(job, lines));
  {
    PRETEXT_ASSIGN_OR_RETURN(
        SqliteStatement remember,
        database_->Prepare(
            "INSERT OR REPLACE INTO sequences (job, attempt, rank, sequence) VALUES (?, ?, ?, ?)"));
    remember.Bind(1, job).Bind(2, int64_t{attempt}).Bind(3, int64_t{rank});
    PRETEXT_RETURN_IF_ERROR(remember.Bind(4, sequence).Run());
  }
  return transaction.Commit();
}

absl::Status SqliteTelemetryStore::CheckCursor(const char* table, int64_t cursor) {
  PRETEXT_ASSIGN_OR_RETURN(SqliteStatement read,
                           database_->Prepare("SELECT seq FROM sqlite_sequence WHERE name = ?"));
  PRETEXT_ASSIGN_OR_RETURN(const bool found, read.Bind(1, absl::string_view(table)).Step());
  const int64_t newest = found ? read.Int(0) : 0;
  if (cursor <= newest) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(cursor, " is beyond the newest, which is ", newest));
}

absl::StatusOr<TelemetryStore::MetricPage> SqliteTelemetryStore::ReadMetrics(
    const std::string& job, int64_t cursor, const std::vector<std::string>& metrics, bool newest_attempt_only,
    int limit) {
  absl::MutexLock lock(&mutex_);
  const std::string newest =
      newest_attempt_only ? " AND NOT EXISTS (SELECT 1 FROM points AS later WHERE later.job = points.job AND "
                            "later.metric = points.metric AND later.step = points.step AND "
                            "later.attempt > points.attempt)"
                          : "";
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement read,
      database_->Prepare(absl::StrCat("SELECT id, metric, step, value, attempt, time_ns FROM points "
                                      "WHERE job = ? AND id > ?",
                                      MetricCondition(metrics), newest, " ORDER BY id LIMIT ?")));
  read.Bind(1, job).Bind(2, cursor);
  read.Bind(BindMetrics(read, 3, metrics), int64_t{limit});
  MetricPage page;
  page.cursor = cursor;
  while (true) {
    PRETEXT_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more && page.points.empty()) PRETEXT_RETURN_IF_ERROR(CheckCursor("points", cursor));
    if (!more) return page;
    page.cursor = read.Int(0);
    v1::MetricPoint& point = page.points.emplace_back();
    point.set_metric(read.Text(1));
    point.set_step(read.Int(2));
    point.set_value(read.Double(3));
    point.set_attempt(static_cast<int32_t>(read.Int(4)));
    *point.mutable_time() = FromNanos(read.Int(5));
  }
}

absl::StatusOr<int64_t> SqliteTelemetryStore::FindTail(const std::string& job, const LogQuery& query) {
  if (query.cursor != 0 || query.last <= 0) return query.cursor;
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement read,
      database_->Prepare(absl::StrCat("SELECT id FROM lines WHERE job = ?", LogCondition(query),
                                      " ORDER BY id DESC LIMIT 1 OFFSET ?")));
  read.Bind(1, job).Bind(2, int64_t{query.last});
  PRETEXT_ASSIGN_OR_RETURN(const bool found, read.Step());
  return found ? read.Int(0) : 0;
}

absl::StatusOr<TelemetryStore::LogPage> SqliteTelemetryStore::ReadLogs(const std::string& job,
                                                                       const LogQuery& query, int limit) {
  absl::MutexLock lock(&mutex_);
  LogPage page;
  PRETEXT_ASSIGN_OR_RETURN(page.cursor, FindTail(job, query));
  PRETEXT_ASSIGN_OR_RETURN(
      SqliteStatement read,
      database_->Prepare(absl::StrCat("SELECT id, attempt, rank, severity, text, time_ns FROM lines "
                                      "WHERE job = ? AND id > ?",
                                      LogCondition(query), " ORDER BY id LIMIT ?")));
  read.Bind(1, job).Bind(2, page.cursor).Bind(3, int64_t{limit});
  while (true) {
    PRETEXT_ASSIGN_OR_RETURN(const bool more, read.Step());
    if (!more && page.lines.empty()) PRETEXT_RETURN_IF_ERROR(CheckCursor("lines", query.cursor));
    if (!more) return page;
    page.cursor = read.Int(0);
    v1::LogLine& line = page.lines.emplace_back();
    line.set_attempt(static_cast<int32_t>(read.Int(1)));
    line.set_rank(static_cast<int32_t>(read.Int(2)));
    line.set_severity(static_cast<v1::LogLine::Severity>(read.Int(3)));
    line.set_text(read.Text(4));
    *line.mutable_time() = FromNanos(read.Int(5));
  }
}

absl::Status SqliteTelemetryStore::Delete(const std::string& job) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::Begin(database_.get()));
  for (const char* sql : {"DELETE FROM points WHERE job = ?", "DELETE FROM lines WHERE job = ?",
                          "DELETE FROM sequences WHERE job = ?"}) {
    PRETEXT_ASSIGN_OR_RETURN(SqliteStatement remove, database_->Prepare(sql));
    PRETEXT_RETURN_IF_ERROR(remove.Bind(1, job).Run());
  }
  return transaction.Commit();
}

}  // namespace pretext
