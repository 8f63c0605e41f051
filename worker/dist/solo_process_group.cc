#include "worker/dist/solo_process_group.h"

#include <utility>

#include "proto/cpp/status_macros.h"
#include "worker/dist/collective_arguments.h"

namespace pretext {
namespace {

// The gradients of one rank are their own mean. Those of a new step are undefined at first: autograd then
// hands over its own tensors instead of adding to zeros.
class SoloGradientSync : public GradientSync {
 public:
  explicit SoloGradientSync(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {}

  void Begin(bool last) override {
    if (in_step_) return;
    in_step_ = true;
    for (const at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
  }

  absl::Status Finish() override {
    in_step_ = false;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      if (!parameters_[i].grad().defined()) return NoGradientError(parameters_[i], i, parameters_.size());
    }
    return absl::OkStatus();
  }

 private:
  std::vector<at::Tensor> parameters_;
  bool in_step_ = false;
};

}  // namespace

absl::Status SoloProcessGroup::AllReduceMean(const std::vector<at::Tensor>& tensors) {
  return CheckReducible(tensors);
}

absl::StatusOr<at::Tensor> SoloProcessGroup::AllGather(const at::Tensor& tensor) {
  PRETEXT_RETURN_IF_ERROR(CheckGatherable(tensor));
  return tensor.detach().clone(at::MemoryFormat::Contiguous);
}

absl::Status SoloProcessGroup::Broadcast(const at::Tensor& tensor, int root) {
  return CheckRoot(root, world_size());
}

absl::Status SoloProcessGroup::Barrier() { return absl::OkStatus(); }

std::unique_ptr<GradientSync> SoloProcessGroup::SyncGradients(std::vector<at::Tensor> parameters) {
  return std::make_unique<SoloGradientSync>(std::move(parameters));
}

}  // namespace pretext
