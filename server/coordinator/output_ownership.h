#ifndef PRETEXT_SERVER_COORDINATOR_OUTPUT_OWNERSHIP_H_
#define PRETEXT_SERVER_COORDINATOR_OUTPUT_OWNERSHIP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/state/cluster_state.h"

namespace pretext {

// Whose folder an output is: the one rule. A folder belongs to the job that has run in it, until that job is
// deleted and its results are gone, and to any job that may yet run in it.

// FAILED_PRECONDITION, OUTPUT_IN_USE, a violation of the field "output": another job than `job` (empty: a new
// one) may write to `output`, or has written to it. The message says what to do next. Pure.
absl::Status CheckOutputIsFree(const ClusterState& state, const std::string& output, absl::string_view job);

// The same for results in `output` of a job that is not here any more; none are seen when the folder is on
// another machine. Touches the file system: call it without the coordinator's lock.
absl::Status CheckHoldsNoResults(const std::string& output);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_OUTPUT_OWNERSHIP_H_
