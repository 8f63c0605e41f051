#include "server/store/memory_job_store.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace pretext {

absl::StatusOr<int64_t> MemoryJobStore::Append(absl::Span<const v1::Event> events,
                                               int64_t expected_revision) {
  absl::MutexLock lock(&mutex_);
  if (!refusal_.ok()) return refusal_;
  const int64_t revision = events_.size();
  if (revision != expected_revision) {
    return absl::AbortedError(absl::StrCat("the journal is at revision ", revision, ", not ",
                                           expected_revision, ": another coordinator leads"));
  }
  events_.insert(events_.end(), events.begin(), events.end());
  return static_cast<int64_t>(events_.size());
}

absl::Status MemoryJobStore::Replay(
    int64_t after_revision, const std::function<void(int64_t revision, const v1::Event& event)>& visit) {
  std::vector<v1::Event> events;
  {
    absl::MutexLock lock(&mutex_);
    events = events_;
  }
  for (size_t i = after_revision; i < events.size(); ++i) visit(i + 1, events[i]);
  return absl::OkStatus();
}

void MemoryJobStore::RefuseWith(absl::Status status) {
  absl::MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

}  // namespace pretext
