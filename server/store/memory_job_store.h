#ifndef PRETEXT_SERVER_STORE_MEMORY_JOB_STORE_H_
#define PRETEXT_SERVER_STORE_MEMORY_JOB_STORE_H_

#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/store/job_store.h"

namespace pretext {

// A journal that lives as long as this object. For tests and simulations.
class MemoryJobStore final : public JobStore {
 public:
  absl::StatusOr<int64_t> Append(absl::Span<const v1::Event> events, int64_t expected_revision) override;
  absl::Status Replay(int64_t after_revision,
                      const std::function<void(int64_t revision, const v1::Event& event)>& visit) override;

  // Appends are refused with `status` from now on, until it is OK again.
  void RefuseWith(absl::Status status);

 private:
  absl::Mutex mutex_;
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STORE_MEMORY_JOB_STORE_H_
