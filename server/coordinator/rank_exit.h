#ifndef PRETEXT_SERVER_COORDINATOR_RANK_EXIT_H_
#define PRETEXT_SERVER_COORDINATOR_RANK_EXIT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "pretext/v1/event.pb.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/worker_service.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// What a process's end says about its rank, by exit code (proto/cpp/exit_codes.h) or signal, when the rank
// has told no outcome itself. `abandoned`: its gang was being killed, so that death by a signal is no fault.
v1::RankEnded RankEndedByExit(const v1::RankStatus& status, absl::string_view node, bool abandoned);

// A rank that is known to be gone for `cause` without an exit status. `why` completes "rank 1 (node): ...".
v1::RankEnded RankEndedWithoutTrace(const std::string& job, int32_t attempt,
                                    const v1::RankPlacement& placement, v1::Failure::Cause cause,
                                    absl::string_view why);

// The event for `ended` given what the rank has told before: an outcome once told stays.
v1::RankEnded KeepToldOutcome(const RankRecord& rank, v1::RankEnded ended);

// "SIGKILL" for 9; "signal 64" for one without a name.
std::string SignalName(int signal);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_RANK_EXIT_H_
