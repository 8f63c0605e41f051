#ifndef PRETEXT_SERVER_COORDINATOR_REJECTIONS_H_
#define PRETEXT_SERVER_COORDINATOR_REJECTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/state/cluster_state.h"

namespace pretext {

// The errors callers meet, each with a reason a program can act on (google.rpc.ErrorInfo, domain "pretext").

// INVALID_ARGUMENT, INVALID_FIELD: one field of a request is at fault.
absl::Status InvalidField(absl::string_view field, const std::string& what);

// NOT_FOUND, JOB_NOT_FOUND and NODE_NOT_FOUND, with how to find the right name.
absl::Status NoSuchJob(absl::string_view name);
absl::Status NoSuchNode(absl::string_view name);

// FAILED_PRECONDITION, JOB_STATE: "jobs/3 cannot be paused: it is FAILED; ADVICE".
absl::Status WrongState(const JobRecord& job, absl::string_view wanted, absl::string_view advice = "");

// ABORTED, ATTEMPT_OVER: a rank speaks whose attempt is over. `what` says which.
absl::Status Fenced(const std::string& what);

// FAILED_PRECONDITION, NODE_TAKEN: the agent must exit.
absl::Status NodeTaken(const std::string& what);

// UNAVAILABLE, JOURNAL_NOT_WRITTEN: nothing was changed.
absl::Status NotWritten(absl::string_view why);
// UNAVAILABLE, DISK_REFUSES: for who follows a job while nothing can be stored. RESOURCE_EXHAUSTED is a full
// disk.
absl::Status DiskRefuses(const absl::Status& why);
// UNAVAILABLE, NOT_LEADING: another coordinator leads.
absl::Status NotLeading();

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_REJECTIONS_H_
