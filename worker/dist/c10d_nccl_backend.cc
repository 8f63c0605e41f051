#include <cstdlib>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "worker/dist/c10d_backend.h"

namespace pretext {

absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> ConnectNccl(const c10::intrusive_ptr<c10d::Store>& store,
                                                              const GangOptions& options) {
  // Left to itself, NCCL's watchdog ends the process when a peer is gone. So the training thread waits for
  // each collective and gets the error; c10d has no other way to be told so.
  setenv("TORCH_NCCL_BLOCKING_WAIT", "1", /*overwrite=*/1);
  auto nccl = c10d::ProcessGroupNCCL::Options::create();
  nccl->timeout = absl::ToChronoMilliseconds(options.timeout);
  auto backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.world_size, nccl);
  backend->setBoundDeviceId(options.device);
  backend->eagerConnectSingleDevice(options.device);
  return c10::intrusive_ptr<c10d::Backend>(backend);
}

}  // namespace pretext
