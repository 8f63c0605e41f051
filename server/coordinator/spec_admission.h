#ifndef PRETEXT_SERVER_COORDINATOR_SPEC_ADMISSION_H_
#define PRETEXT_SERVER_COORDINATOR_SPEC_ADMISSION_H_

#include <string>

#include "absl/status/status.h"
#include "pretext/v1/job.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// What a spec goes through before it is a job. Pure.

// SHA-256 of the spec, in which equal specs are equal whatever the order of their labels.
std::string DigestOfSpec(const v1::JobSpec& spec);

// Fills in defaults and checks the whole. INVALID_ARGUMENT with every fault of the spec as a field violation.
absl::Status CompleteSpec(v1::JobSpec* spec);

// Replaces each `init.job` by the output folder of that job, which must have finished a stage.
// INVALID_ARGUMENT, with every such field that is at fault.
absl::Status ResolveJobReferences(const ClusterState& state, v1::JobSpec* spec);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_SPEC_ADMISSION_H_
