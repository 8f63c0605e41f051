#include "server/store/memory_telemetry_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

bool IsWanted(const std::string& metric, const std::vector<std::string>& wanted) {
  if (wanted.empty()) return true;
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& pattern) {
    if (!absl::EndsWith(pattern, "*")) return metric == pattern;
    return absl::StartsWith(metric, absl::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

absl::Status CheckCursor(int64_t cursor, size_t stored) {
  if (cursor <= static_cast<int64_t>(stored)) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(cursor, " is beyond the newest, which is ", stored));
}

bool IsWanted(const v1::LogLine& line, const TelemetryStore::LogQuery& query) {
  return (!query.rank.has_value() || *query.rank == line.rank()) &&
         (!query.attempt.has_value() || *query.attempt == line.attempt());
}

}  // namespace

absl::Status MemoryTelemetryStore::Write(const std::string& job, int32_t attempt, int32_t rank,
                                         int64_t sequence, const std::vector<v1::MetricPoint>& points,
                                         const std::vector<v1::LogLine>& lines) {
  absl::MutexLock lock(&mutex_);
  if (!refusal_.ok()) return refusal_;
  JobTelemetry& stored = jobs_[job];
  int64_t& last = stored.sequences[{attempt, rank}];
  if (sequence <= last) return absl::OkStatus();
  last = sequence;
  for (const v1::MetricPoint& point : points) {
    if (!stored.known.insert({point.attempt(), point.metric(), point.step()}).second) continue;
    int32_t& newest = stored.newest_attempt[{point.metric(), point.step()}];
    newest = std::max(newest, point.attempt());
    stored.points.push_back(point);
  }
  stored.lines.insert(stored.lines.end(), lines.begin(), lines.end());
  return absl::OkStatus();
}

absl::StatusOr<TelemetryStore::MetricPage> MemoryTelemetryStore::ReadMetrics(
    const std::string& job, int64_t cursor, const std::vector<std::string>& metrics, bool newest_attempt_only,
    int limit) {
  absl::MutexLock lock(&mutex_);
  const JobTelemetry& stored = jobs_[job];
  PRETEXT_RETURN_IF_ERROR(CheckCursor(cursor, stored.points.size()));
  MetricPage page;
  page.cursor = cursor;
  for (int64_t i = cursor; i < stored.points.size() && page.points.size() < limit; ++i) {
    const v1::MetricPoint& point = stored.points[i];
    if (!IsWanted(point.metric(), metrics)) continue;
    if (newest_attempt_only && stored.newest_attempt.at({point.metric(), point.step()}) > point.attempt())
      continue;
    page.points.push_back(point);
    page.cursor = i + 1;
  }
  return page;
}

absl::StatusOr<TelemetryStore::LogPage> MemoryTelemetryStore::ReadLogs(const std::string& job,
                                                                       const LogQuery& query, int limit) {
  absl::MutexLock lock(&mutex_);
  const std::vector<v1::LogLine>& lines = jobs_[job].lines;
  PRETEXT_RETURN_IF_ERROR(CheckCursor(query.cursor, lines.size()));
  int64_t begin = query.cursor;
  if (query.cursor == 0 && query.last > 0) {
    begin = lines.size();
    for (int32_t found = 0; begin > 0 && found < query.last; --begin) {
      if (IsWanted(lines[begin - 1], query)) ++found;
    }
  }
  LogPage page;
  page.cursor = query.cursor;
  for (int64_t i = begin; i < lines.size() && page.lines.size() < limit; ++i) {
    if (!IsWanted(lines[i], query)) continue;
    page.lines.push_back(lines[i]);
    page.cursor = i + 1;
  }
  return page;
}

absl::Status MemoryTelemetryStore::Delete(const std::string& job) {
  absl::MutexLock lock(&mutex_);
  jobs_.erase(job);
  return absl::OkStatus();
}

void MemoryTelemetryStore::RefuseWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

}  // namespace pretext
