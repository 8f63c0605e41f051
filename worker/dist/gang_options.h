#ifndef PRETEXT_WORKER_DIST_GANG_OPTIONS_H_
#define PRETEXT_WORKER_DIST_GANG_OPTIONS_H_

#include <c10/core/Device.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace pretext {

// One rank's place in a gang, and how it meets the others.
struct GangOptions {
  int rank = 0;
  int world_size = 1;
  c10::Device device{c10::kCPU};  // CPU: Gloo. CUDA: NCCL, in a build with --config=cuda.
  // Address or name of this machine that the other ranks reach it at; only there it listens. Empty: loopback.
  std::string host;
  // How long a collective, and each wait of the meeting, lasts before a peer counts as lost.
  absl::Duration timeout = absl::Minutes(10);
  // Rank 0 tells where it can be met, "host:port"; the other ranks learn it. Both may wait.
  std::function<absl::Status(const std::string& address)> publish;
  std::function<absl::StatusOr<std::string>()> find;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_GANG_OPTIONS_H_
