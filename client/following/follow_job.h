#ifndef PRETEXT_CLIENT_FOLLOWING_FOLLOW_JOB_H_
#define PRETEXT_CLIENT_FOLLOWING_FOLLOW_JOB_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/session/command_context.h"
#include "client/session/output_format.h"

namespace pretext {

// Shows a job until it settles: where it is, warnings of its ranks, what its stages came to, and at the end
// what to type next; as JSON or YAML, one document each time something changed. Outlasts the coordinator's
// absence for a while. Ctrl-C leaves the job alone and says how to come back.
// Returns the exit code that the job's end means. UNAVAILABLE: the coordinator stayed away.
absl::StatusOr<int> FollowJob(const std::string& name, OutputFormat format, CommandContext& context);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_FOLLOWING_FOLLOW_JOB_H_
