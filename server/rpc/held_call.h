#ifndef PRETEXT_SERVER_RPC_HELD_CALL_H_
#define PRETEXT_SERVER_RPC_HELD_CALL_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "grpcpp/support/server_callback.h"
#include "proto/cpp/grpc_status.h"
#include "server/rpc/change_poller.h"

namespace pretext {

// A unary call that is answered when something has happened or when its time is up, without a thread of its
// own.
class HeldCall final : public grpc::ServerUnaryReactor,
                       public Waiter,
                       public std::enable_shared_from_this<HeldCall> {
 public:
  // Tries to answer: the call's status, or nothing while there is nothing to say. It fills in the response
  // itself. With `expired` it must answer. Never called by two threads at once.
  using Attempt = std::function<absl::optional<absl::Status>(bool expired)>;

  // Tries at once, and holds the call until `deadline` if that gives no answer. gRPC owns what is returned
  // until the call is over.
  static grpc::ServerUnaryReactor* Start(ChangePoller* poller, absl::Time now, absl::Time deadline,
                                         Attempt attempt) {
    std::shared_ptr<HeldCall> call(new HeldCall(deadline, std::move(attempt)));
    call->self_ = call;
    call->Poll(now);
    poller->Add(call);
    return call.get();
  }

  void Poll(absl::Time now) override {
    absl::optional<absl::Status> answer;
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      answer = attempt_(now >= deadline_);
      if (!answer.has_value()) return;
      finished_ = true;
    }
    Answer(*answer);
  }

  void End(const absl::Status& status) override {
    {
      absl::MutexLock lock(&mutex_);
      if (finished_) return;
      finished_ = true;
    }
    Answer(status);
  }

  void OnCancel() override { End(absl::CancelledError("the caller has gone")); }
  void OnDone() override { self_.reset(); }

 private:
  HeldCall(absl::Time deadline, Attempt attempt) : deadline_(deadline), attempt_(std::move(attempt)) {}

  void Answer(const absl::Status& status) {
    const std::shared_ptr<HeldCall> alive = shared_from_this();
    Finish(ToGrpcStatus(status));
  }

  const absl::Time deadline_;
  const Attempt attempt_;
  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<HeldCall> self_;  // until OnDone
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_HELD_CALL_H_
