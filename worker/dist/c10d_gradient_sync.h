#ifndef PRETEXT_WORKER_DIST_C10D_GRADIENT_SYNC_H_
#define PRETEXT_WORKER_DIST_C10D_GRADIENT_SYNC_H_

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "worker/dist/c10d_link.h"
#include "worker/dist/gradient_sync.h"
#include "worker/dist/process_group.h"

namespace c10d {
class GradBucket;
}  // namespace c10d

namespace pretext {

// Sends gradients in buckets through c10d's Reducer (Li et al. 2020, "PyTorch Distributed"): the last
// parameters' gradients, which a backward pass finds first, travel while the others are still computed.
//
// Each gradient is a view into its bucket and stays that for the sync's life, so nothing is copied and a
// first step adds to zeros like every other. The buckets follow from the parameters' order and sizes alone
// and never change: ring all-reduce sums in an order that depends on the position in the bucket, so that
// buckets which followed the order of arrival, as PyTorch rebuilds them after the first step, would round
// differently after a resume.
class C10dGradientSync : public GradientSync {
 public:
  // A collective call; `group` and `link` are the same gang's and outlive it.
  C10dGradientSync(ProcessGroup* group, C10dLink* link, std::vector<at::Tensor> parameters);
  ~C10dGradientSync() override;

  void Begin(bool last) override;
  absl::Status Finish() override;

 private:
  class FixedBuckets;
  class SendBucket;
  struct Sent {
    at::Tensor bucket;
    C10dLink::Work work;
  };

  void ClearGradients();
  // Starts the all-reduce of a bucket whose gradients are ready. Called from within the backward pass.
  void Send(const at::Tensor& bucket);
  absl::Status WhoGotNoGradient() const;

  C10dLink* link_;
  std::vector<at::Tensor> parameters_;  // last first: about the order in which gradients come
  std::vector<at::Tensor> gradients_;   // views into the buckets
  std::vector<at::Tensor> buckets_;
  std::unique_ptr<FixedBuckets> reducer_;  // null when there are no parameters
  std::vector<Sent> sent_;
  std::vector<int64_t> ready_before_;  // when each gradient came in an earlier pass, in the reducer's terms
  absl::Status error_;                 // of this step
  absl::Status setup_error_;
  bool in_step_ = false;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_C10D_GRADIENT_SYNC_H_
