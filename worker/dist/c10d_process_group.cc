#include "worker/dist/c10d_process_group.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "absl/strings/string_view.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/c10d_gradient_sync.h"
#include "worker/dist/collective_arguments.h"

namespace pretext {
namespace {

absl::Status AllReduceSum(C10dLink& link, absl::string_view collective, at::Tensor flat) {
  return link.Run(collective, [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors = {flat};
    return backend.allreduce(tensors);
  });
}

// The memory of a contiguous tensor as bytes: what is only moved need not be understood.
at::Tensor Bytes(const at::Tensor& tensor) { return tensor.view({-1}).view(at::kByte); }

}  // namespace

C10dProcessGroup::C10dProcessGroup(std::unique_ptr<C10dLink> link, c10::Device device)
    : link_(std::move(link)), device_(device) {}

absl::Status C10dProcessGroup::AllReduceMean(const std::vector<at::Tensor>& tensors) {
  PRETEXT_RETURN_IF_ERROR(CheckReducible(tensors));
  if (tensors.empty()) return absl::OkStatus();
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> parts;
  parts.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) parts.push_back(tensor.reshape({-1}));
  const at::Tensor flat = at::cat(parts);
  PRETEXT_RETURN_IF_ERROR(AllReduceSum(*link_, "AllReduceMean", flat));
  flat.div_(world_size());
  int64_t offset = 0;
  for (const at::Tensor& tensor : tensors) {
    tensor.copy_(flat.narrow(0, offset, tensor.numel()).view(tensor.sizes()));
    offset += tensor.numel();
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> C10dProcessGroup::AllGather(const at::Tensor& tensor) {
  PRETEXT_RETURN_IF_ERROR(CheckGatherable(tensor));
  at::NoGradGuard no_grad;
  std::vector<int64_t> sizes = tensor.sizes().vec();
  sizes[0] *= world_size();
  const at::Tensor all = at::empty(sizes, tensor.options().requires_grad(false));
  if (all.numel() == 0) return all;
  at::Tensor from = Bytes(tensor.contiguous());
  at::Tensor to = Bytes(all);
  PRETEXT_RETURN_IF_ERROR(
      link_->Run("AllGather", [&](c10d::Backend& backend) { return backend._allgather_base(to, from); }));
  return all;
}

absl::Status C10dProcessGroup::Broadcast(const at::Tensor& tensor, int root) {
  PRETEXT_RETURN_IF_ERROR(CheckRoot(root, world_size()));
  if (tensor.numel() == 0) return absl::OkStatus();
  at::NoGradGuard no_grad;
  const at::Tensor whole = tensor.contiguous();  // `tensor` itself where it can be
  PRETEXT_RETURN_IF_ERROR(link_->Run("Broadcast", [&](c10d::Backend& backend) {
    std::vector<at::Tensor> tensors = {Bytes(whole)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return backend.broadcast(tensors, options);
  }));
  if (!whole.is_same(tensor)) tensor.copy_(whole);
  return absl::OkStatus();
}

absl::Status C10dProcessGroup::Barrier() {
  return AllReduceSum(*link_, "Barrier", at::zeros({1}, at::TensorOptions(device_)));
}

std::unique_ptr<GradientSync> C10dProcessGroup::SyncGradients(std::vector<at::Tensor> parameters) {
  return std::make_unique<C10dGradientSync>(this, link_.get(), std::move(parameters));
}

}  // namespace pretext
