#ifndef PRETEXT_SERVER_COORDINATOR_ATTEMPT_OUTCOME_H_
#define PRETEXT_SERVER_COORDINATOR_ATTEMPT_OUTCOME_H_

#include <string>

#include "absl/types/optional.h"
#include "pretext/v1/job.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// What becomes of a job whose attempt is over.
struct AttemptOutcome {
  v1::Job::State next = v1::Job::QUEUED;  // QUEUED, PAUSED, SUCCEEDED, FAILED or CANCELLED
  std::string reason;                     // one sentence for a person
  absl::optional<v1::Failure> failure;    // the root cause, when the attempt ended badly
};

// Decides, purely. REQUIRES: the process of every rank of `job` is gone.
//
// All ranks finished: SUCCEEDED. Otherwise a faulty spec or unusable data: FAILED, whatever was wished. A
// wish to cancel or to pause is granted next. Other failures start the gang again from its newest checkpoint,
// at most max_restarts times; the loss of a node and the coordinator's own faults are not counted. The same
// non-finite loss twice in a row is final: training is deterministic and would meet it a third time.
AttemptOutcome DecideAfterAttempt(const JobRecord& job);

// The failure that brought the gang down: ranks that only noticed the loss of another one are blamed last.
// Null when no rank failed.
const v1::Failure* FindRootFailure(const JobRecord& job);

// True for a rank that ended because another rank of its gang was gone.
bool IsPeerLoss(const v1::Failure& failure);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_ATTEMPT_OUTCOME_H_
