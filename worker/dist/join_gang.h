#ifndef PRETEXT_WORKER_DIST_JOIN_GANG_H_
#define PRETEXT_WORKER_DIST_JOIN_GANG_H_

#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/dist/process_group.h"

namespace pretext {

struct GangOptions {
  int rank = 0;
  int world_size = 1;
  c10::Device device{c10::kCPU};  // CPU: Gloo. CUDA: NCCL, in a build with --config=cuda.
  std::string host;               // address that the other ranks reach this machine at; empty: loopback
  // How long a collective, and the meeting itself, waits for a peer.
  absl::Duration timeout = absl::Minutes(10);
  // Rank 0 tells where it can be met, "host:port"; the other ranks learn it. Both may wait.
  std::function<absl::Status(const std::string& address)> publish;
  std::function<absl::StatusOr<std::string>()> find;
};

// Meets the other ranks and returns when all are there. Rank 0 binds a free port and publishes it. A gang of
// one needs neither network nor callbacks. One gang a process at a time. UNAVAILABLE, reason PEER_LOST: not
// all ranks came in time. UNIMPLEMENTED: a CUDA device in a CPU build. Errors of the callbacks are passed on.
absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinGang(const GangOptions& options);

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_JOIN_GANG_H_
