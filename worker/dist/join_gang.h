#ifndef PRETEXT_WORKER_DIST_JOIN_GANG_H_
#define PRETEXT_WORKER_DIST_JOIN_GANG_H_

#include <memory>

#include "absl/status/statusor.h"
#include "worker/dist/gang_options.h"
#include "worker/dist/process_group.h"

namespace pretext {

// Meets the other ranks and returns when all are there. Rank 0 binds a free port and publishes it. A gang of
// one needs neither network nor callbacks. One gang a process at a time; the training thread. Starts threads
// and ignores SIGPIPE from then on.
//   UNAVAILABLE, reason PEER_LOST   not all ranks came in time; says which
//   UNIMPLEMENTED                   a CUDA device in a build for CPUs
//   INVALID_ARGUMENT                the rank is not of this gang, or `host` is not this machine
// Errors of the callbacks are passed on.
absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinGang(const GangOptions& options);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_JOIN_GANG_H_
