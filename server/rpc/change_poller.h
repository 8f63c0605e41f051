#ifndef PRETEXT_SERVER_RPC_CHANGE_POLLER_H_
#define PRETEXT_SERVER_RPC_CHANGE_POLLER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "server/coordinator/coordinator.h"

namespace pretext {

// A call that is held open until something happens.
class Waiter {
 public:
  virtual ~Waiter() = default;
  // Looks whether there is something to answer. Called after every change and a few times a second; quick
  // when nothing concerns it. Never called by two threads at once, but beside gRPC's own callbacks.
  virtual void Poll(absl::Time now) = 0;
  // The server stops: ends the call with `status`. Any thread.
  virtual void End(const absl::Status& status) = 0;
};

// One thread that lets every held call look again when the coordinator's state has changed, so that ten
// thousand followers cost no thread each.
class ChangePoller {
 public:
  // Both outlive it.
  ChangePoller(Coordinator* coordinator, Clock* clock);
  ~ChangePoller();

  // Polls `waiter` from now on for as long as somebody else holds it.
  void Add(std::shared_ptr<Waiter> waiter);

  // Ends all calls, those added later too, with UNAVAILABLE. Idempotent.
  void Stop();

 private:
  void Loop();
  std::vector<std::shared_ptr<Waiter>> Living();

  Coordinator* const coordinator_;
  Clock* const clock_;
  absl::Mutex mutex_;
  std::vector<std::weak_ptr<Waiter>> waiters_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_CHANGE_POLLER_H_
