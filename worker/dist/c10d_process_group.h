#ifndef PRETEXT_WORKER_DIST_C10D_PROCESS_GROUP_H_
#define PRETEXT_WORKER_DIST_C10D_PROCESS_GROUP_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <vector>

#include "worker/dist/c10d_link.h"
#include "worker/dist/gradient_sync.h"
#include "worker/dist/process_group.h"

namespace pretext {

// A gang whose ranks are processes that meet through c10d: over Gloo on CPUs, over NCCL on GPUs.
class C10dProcessGroup : public ProcessGroup {
 public:
  // `device`: where the tensors of this rank are.
  C10dProcessGroup(std::unique_ptr<C10dLink> link, c10::Device device);

  int rank() const override { return link_->rank(); }
  int world_size() const override { return link_->world_size(); }

  absl::Status AllReduceMean(const std::vector<at::Tensor>& tensors) override;
  absl::StatusOr<at::Tensor> AllGather(const at::Tensor& tensor) override;
  absl::Status Broadcast(const at::Tensor& tensor, int root) override;
  absl::Status Barrier() override;
  std::unique_ptr<GradientSync> SyncGradients(std::vector<at::Tensor> parameters) override;

 private:
  std::unique_ptr<C10dLink> link_;
  c10::Device device_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_C10D_PROCESS_GROUP_H_
