#ifndef PRETEXT_WORKER_AGENT_FAKE_RANK_STARTER_H_
#define PRETEXT_WORKER_AGENT_FAKE_RANK_STARTER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/agent/rank_starter.h"

namespace pretext {

// Remembers what it was asked and starts no process; the test ends ranks by hand. Any thread.
class FakeRankStarter final : public RankStarter {
 public:
  void Listen(RankListener* listener) override {
    absl::MutexLock lock(&mutex_);
    listener_ = listener;
  }
  void Start(int64_t id, const v1::RankAssignment& assignment) override {
    absl::MutexLock lock(&mutex_);
    started_.emplace_back(id, assignment);
  }
  void Signal(int64_t id, int signal) override {
    absl::MutexLock lock(&mutex_);
    signals_.emplace_back(id, signal);
  }

  // The pid of a rank is 1000 more than its id.
  void End(int64_t id, const RankEnd& end) {
    listener()->OnStarted(id, static_cast<pid_t>(1000 + id));
    listener()->OnEnded(id, end);
  }
  void Break(const absl::Status& why) { listener()->OnBroken(why); }

  std::vector<std::pair<int64_t, v1::RankAssignment>> started() const {
    absl::MutexLock lock(&mutex_);
    return started_;
  }
  // (id, signal), in order.
  std::vector<std::pair<int64_t, int>> signals() const {
    absl::MutexLock lock(&mutex_);
    return signals_;
  }
  // Waits until so many signals have been sent.
  void AwaitSignals(size_t count) const {
    auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return signals_.size() >= count; };
    absl::MutexLock lock(&mutex_, absl::Condition(&enough));
  }

 private:
  RankListener* listener() const {
    absl::MutexLock lock(&mutex_);
    return listener_;
  }

  mutable absl::Mutex mutex_;
  RankListener* listener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::vector<std::pair<int64_t, v1::RankAssignment>> started_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::pair<int64_t, int>> signals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_FAKE_RANK_STARTER_H_
