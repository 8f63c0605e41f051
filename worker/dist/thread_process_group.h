#ifndef PRETEXT_WORKER_DIST_THREAD_PROCESS_GROUP_H_
#define PRETEXT_WORKER_DIST_THREAD_PROCESS_GROUP_H_

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/cpp/status_macros.h"
#include "worker/dist/collective_arguments.h"
#include "worker/dist/process_group.h"
#include "worker/dist/solo_process_group.h"

namespace pretext {

// Where the threads of a gang hand each other tensors. Tests only.
class TensorExchange {
 public:
  explicit TensorExchange(int ranks) : given_(ranks) {}

  // Waits for all ranks; the tensors of all, in order.
  std::vector<at::Tensor> Swap(int rank, const at::Tensor& tensor) {
    absl::MutexLock lock(&mutex_);
    given_[rank] = tensor.detach().clone(at::MemoryFormat::Contiguous);
    if (++arrived_ == static_cast<int>(given_.size())) {
      taken_ = given_;
      arrived_ = 0;
      ++round_;
      return taken_;
    }
    const int round = round_;
    const auto over = [this, round]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return round_ != round; };
    mutex_.Await(absl::Condition(&over));
    return taken_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<at::Tensor> given_ ABSL_GUARDED_BY(mutex_), taken_ ABSL_GUARDED_BY(mutex_);
  int arrived_ ABSL_GUARDED_BY(mutex_) = 0;
  int round_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Sends nothing before the backward pass is over. Nothing checks that ranks sync the same parameters, and
// a rank that fails alone leaves its peers waiting. Tests only.
class SyncAfterBackward : public GradientSync {
 public:
  SyncAfterBackward(ProcessGroup* group, const std::vector<at::Tensor>& parameters)
      : group_(group), parameters_(parameters), own_(alone_.SyncGradients(parameters)) {}

  void Begin(bool last) override { own_->Begin(last); }
  absl::Status Finish() override {
    PRETEXT_RETURN_IF_ERROR(own_->Finish());
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& parameter : parameters_) gradients.push_back(parameter.grad());
    return group_->AllReduceMean(gradients);
  }

 private:
  ProcessGroup* group_;
  std::vector<at::Tensor> parameters_;
  SoloProcessGroup alone_;
  std::unique_ptr<GradientSync> own_;  // of this rank's gradients
};

// A gang whose ranks are threads of this process. One rank needs no other. Tests only.
class ThreadProcessGroup : public ProcessGroup {
 public:
  ThreadProcessGroup(int rank, int world_size, std::shared_ptr<TensorExchange> exchange)
      : rank_(rank), world_size_(world_size), exchange_(std::move(exchange)) {}
  // A gang of one.
  ThreadProcessGroup() : ThreadProcessGroup(0, 1, std::make_shared<TensorExchange>(1)) {}

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }

  absl::Status AllReduceMean(const std::vector<at::Tensor>& tensors) override {
    PRETEXT_RETURN_IF_ERROR(CheckReducible(tensors));
    at::NoGradGuard no_grad;
    for (const at::Tensor& tensor : tensors) {
      const at::Tensor mean = at::stack(exchange_->Swap(rank_, tensor)).mean(0);
      tensor.copy_(mean);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<at::Tensor> AllGather(const at::Tensor& tensor) override {
    PRETEXT_RETURN_IF_ERROR(CheckGatherable(tensor));
    return at::cat(exchange_->Swap(rank_, tensor));
  }
  absl::Status Broadcast(const at::Tensor& tensor, int root) override {
    PRETEXT_RETURN_IF_ERROR(CheckRoot(root, world_size_));
    at::NoGradGuard no_grad;
    tensor.copy_(exchange_->Swap(rank_, tensor)[root]);
    return absl::OkStatus();
  }
  absl::Status Barrier() override {
    exchange_->Swap(rank_, at::zeros({1}));
    return absl::OkStatus();
  }
  std::unique_ptr<GradientSync> SyncGradients(std::vector<at::Tensor> parameters) override {
    return std::make_unique<SyncAfterBackward>(this, parameters);
  }

 private:
  int rank_;
  int world_size_;
  std::shared_ptr<TensorExchange> exchange_;
};

// Runs `body` once a rank, each on a thread of its own, and waits for all.
inline void RunRanks(int world_size, const std::function<void(ProcessGroup& group)>& body) {
  auto exchange = std::make_shared<TensorExchange>(world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadProcessGroup group(rank, world_size, exchange);
      body(group);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_THREAD_PROCESS_GROUP_H_
