#ifndef PRETEXT_WORKER_DIST_PROCESS_GROUP_H_
#define PRETEXT_WORKER_DIST_PROCESS_GROUP_H_

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/dist/gradient_sync.h"

namespace pretext {

// The ranks of one gang and the collectives they share. Every rank calls the same methods in the same order
// with tensors of the same shapes; a call waits for all. One thread. No gradient flows through.
// UNAVAILABLE, with the reason PEER_LOST (proto/cpp/error_details.h): a peer is gone or did not come in time;
// the attempt cannot go on.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Replaces each tensor by its mean over the ranks: one message for all of them. Floating point, one type.
  virtual absl::Status AllReduceMean(const std::vector<at::Tensor>& tensors) = 0;
  // tensor (N, ...) -> (world_size * N, ...), ranks in order. Contiguous in dimension 0.
  virtual absl::StatusOr<at::Tensor> AllGather(const at::Tensor& tensor) = 0;
  // Replaces `tensor` by that of rank `root`.
  virtual absl::Status Broadcast(const at::Tensor& tensor, int root) = 0;
  virtual absl::Status Barrier() = 0;

  // For these parameters, which all take a gradient and are equal on all ranks. The group outlives it; a new
  // one is made when the set changes. Only one of a group is in use at a time.
  virtual std::unique_ptr<GradientSync> SyncGradients(std::vector<at::Tensor> parameters) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_PROCESS_GROUP_H_
