#ifndef PRETEXT_SERVER_RPC_FOLLOW_STREAM_H_
#define PRETEXT_SERVER_RPC_FOLLOW_STREAM_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "grpcpp/support/server_callback.h"
#include "proto/cpp/grpc_status.h"
#include "server/rpc/change_poller.h"
#include "server/rpc/stream_step.h"

namespace pretext {

// A server stream fed by a function. `next` is called again after each record and, while it waits, after
// every change; never by two threads at once, and not after the client has gone. One record is in flight at a
// time, so that a slow reader slows its own stream alone.
template <typename Response>
class FollowStream final : public grpc::ServerWriteReactor<Response>,
                           public Waiter,
                           public std::enable_shared_from_this<FollowStream<Response>> {
 public:
  using Next = std::function<StreamStep<Response>()>;

  // Begins. gRPC owns what is returned until the call is over. `poller` outlives it.
  static grpc::ServerWriteReactor<Response>* Start(ChangePoller* poller, Next next) {
    std::shared_ptr<FollowStream> stream(new FollowStream(std::move(next)));
    stream->self_ = stream;
    poller->Add(stream);
    stream->Advance();
    return stream.get();
  }

  void Poll(absl::Time) override { Advance(); }

  void End(const absl::Status& status) override {
    {
      absl::MutexLock lock(&mutex_);
      if (!ordered_end_.has_value()) ordered_end_ = status;
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    {
      absl::MutexLock lock(&mutex_);
      busy_ = false;
      if (!ok && !ordered_end_.has_value()) ordered_end_ = absl::CancelledError("the client has gone");
    }
    Advance();
  }

  void OnCancel() override { End(absl::CancelledError("the client has gone")); }

  void OnDone() override { self_.reset(); }

 private:
  explicit FollowStream(Next next) : next_(std::move(next)) {}

  void Advance() {
    const std::shared_ptr<FollowStream> alive = this->shared_from_this();
    while (true) {
      absl::optional<absl::Status> end;
      {
        absl::MutexLock lock(&mutex_);
        again_ = true;
        if (busy_ || finished_) return;
        again_ = false;
        busy_ = true;
        end = ordered_end_;
      }
      if (!end.has_value()) {
        StreamStep<Response> step = next_();
        if (step.record.has_value()) {
          record_ = std::move(*step.record);
          this->StartWrite(&record_);  // busy until OnWriteDone
          return;
        }
        end = std::move(step.end);
      }
      if (end.has_value()) {
        {
          absl::MutexLock lock(&mutex_);
          finished_ = true;
        }
        this->Finish(ToGrpcStatus(*end));
        return;
      }
      absl::MutexLock lock(&mutex_);
      busy_ = false;
      if (!again_) return;
    }
  }

  const Next next_;
  Response record_;  // in flight
  absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;   // a thread is in `next_`, or a write is in flight
  bool again_ ABSL_GUARDED_BY(mutex_) = false;  // somebody asked meanwhile
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  absl::optional<absl::Status> ordered_end_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<FollowStream> self_;  // until OnDone
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_FOLLOW_STREAM_H_
