#ifndef PRETEXT_WORKER_SESSION_OUTCOME_H_
#define PRETEXT_WORKER_SESSION_OUTCOME_H_

#include <string>

#include "absl/status/status.h"
#include "pretext/v1/worker_service.pb.h"
#include "proto/cpp/exit_codes.h"

namespace pretext {

// What a rank's end means to the coordinator, and the exit code that says the same to whoever only sees the
// process.
struct RankOutcome {
  v1::Outcome outcome;
  RankExitCode exit_code = kRankFault;
};

// By the status that RunJob (worker/stages/run_job.h) or the way to it ended with:
//   OK                               FINISHED
//   CANCELLED                        STOPPED
//   INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNIMPLEMENTED, OUT_OF_RANGE     SPEC; not retried
//   DATA_LOSS                        DATA; not retried
//   ABORTED, reason NON_FINITE       NON_FINITE
//   ABORTED otherwise                the attempt is over: kRankFenced, and the outcome is not to be sent
//   UNAVAILABLE, reason PEER_LOST    PROCESS, kRankPeerLost; blamed last
//   UNAVAILABLE otherwise, DEADLINE_EXCEEDED         PROCESS, kRankUnavailable
//   RESOURCE_EXHAUSTED, reason OUT_OF_MEMORY         OUT_OF_MEMORY, kRankUnavailable
//   RESOURCE_EXHAUSTED otherwise                     PROCESS, kRankUnavailable
//   all else                         PROCESS, kRankFault
// Messages about the job are the status's own, so that the same fault reads the same on every rank and in
// every attempt; those about a process begin with "rank 1 (nodes/a): ".
RankOutcome OutcomeOf(const absl::Status& status, const v1::RankAssignment& assignment,
                      const std::string& node);

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_OUTCOME_H_
