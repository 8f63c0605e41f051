#include "worker/dist/c10d_backend.h"

namespace pretext {

absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> ConnectNccl(const c10::intrusive_ptr<c10d::Store>& store,
                                                              const GangOptions& options) {
  return absl::UnimplementedError("this program is built for CPUs; build it with --config=cuda for GPUs");
}

}  // namespace pretext
