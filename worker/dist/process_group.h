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
// with tensors of the same types and shapes, on the group's device; a call waits for all. One thread. No
// gradient flows through. The same values give the same bits on every rank and in every run.
//
// UNAVAILABLE, with the reason PEER_LOST (proto/cpp/error_details.h): a peer is gone or did not come in time;
// the message names the collective. The attempt cannot go on: the connections are closed, so that the other
// ranks learn of it too, and every later call returns the same error. Tensors may then hold anything.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Replaces each tensor by its mean over the ranks, in place, whatever its strides: one message for all of
  // them. INVALID_ARGUMENT: they are not of one floating-point type.
  virtual absl::Status AllReduceMean(const std::vector<at::Tensor>& tensors) = 0;
  // tensor (N, ...) of any type -> (world_size * N, ...), ranks in order, bit for bit. The result is new and
  // contiguous, and shares memory with nothing.
  virtual absl::StatusOr<at::Tensor> AllGather(const at::Tensor& tensor) = 0;
  // Replaces `tensor`, of any type and strides, by that of rank `root`, in place and bit for bit.
  virtual absl::Status Broadcast(const at::Tensor& tensor, int root) = 0;
  virtual absl::Status Barrier() = 0;

  // For these parameters, which all take a gradient and are equal on all ranks, in the same order. A
  // collective call. The group outlives the sync; a new one is made when the set changes. The newest alone is
  // in use.
  virtual std::unique_ptr<GradientSync> SyncGradients(std::vector<at::Tensor> parameters) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_PROCESS_GROUP_H_
