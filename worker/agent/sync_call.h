#ifndef PRETEXT_WORKER_AGENT_SYNC_CALL_H_
#define PRETEXT_WORKER_AGENT_SYNC_CALL_H_

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// WorkerService.SyncAgent, one call at a time.
class SyncCall {
 public:
  using OnDone = std::function<void(absl::StatusOr<v1::SyncAgentResponse>)>;
  virtual ~SyncCall() = default;

  // Makes the call, which fails with DEADLINE_EXCEEDED after `timeout`. `on_done` comes once, on another
  // thread. REQUIRES: the call before is done.
  virtual void Start(const v1::SyncAgentRequest& request, absl::Duration timeout, OnDone on_done) = 0;
  // Ends the call early if it is not done: `on_done` gets its answer, or CANCELLED.
  virtual void Cancel() = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_SYNC_CALL_H_
