#ifndef PRETEXT_SERVER_COORDINATOR_RESOURCE_VIEW_H_
#define PRETEXT_SERVER_COORDINATOR_RESOURCE_VIEW_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/job.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// Records as the API shows them. Pure.

// Without progress, which is not part of the state. `wait_reason`, when not empty, is shown for a queued job.
v1::Job ViewOfJob(const JobRecord& job, absl::string_view wait_reason);

// With the devices its ranks hold. `last_seen` may be InfinitePast: not since the coordinator started.
v1::Node ViewOfNode(const NodeRecord& node, const ClusterState& state, absl::Time last_seen);

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_RESOURCE_VIEW_H_
