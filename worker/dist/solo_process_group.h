#ifndef PRETEXT_WORKER_DIST_SOLO_PROCESS_GROUP_H_
#define PRETEXT_WORKER_DIST_SOLO_PROCESS_GROUP_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "worker/dist/gradient_sync.h"
#include "worker/dist/process_group.h"

namespace pretext {

// A gang of one rank: no peers, no network.
class SoloProcessGroup : public ProcessGroup {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }

  absl::Status AllReduceMean(const std::vector<at::Tensor>& tensors) override;
  absl::StatusOr<at::Tensor> AllGather(const at::Tensor& tensor) override;
  absl::Status Broadcast(const at::Tensor& tensor, int root) override;
  absl::Status Barrier() override;
  std::unique_ptr<GradientSync> SyncGradients(std::vector<at::Tensor> parameters) override;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_SOLO_PROCESS_GROUP_H_
