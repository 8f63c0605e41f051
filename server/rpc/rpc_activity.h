#ifndef PRETEXT_SERVER_RPC_RPC_ACTIVITY_H_
#define PRETEXT_SERVER_RPC_RPC_ACTIVITY_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/support/server_interceptor.h"
#include "proto/cpp/clock.h"

namespace pretext {

// Whether anybody uses the service. Any thread.
class RpcActivity {
 public:
  // `clock` outlives it. Starting counts as use.
  explicit RpcActivity(Clock* clock) : clock_(clock), last_(clock->Now()) {}

  void Begin();
  void End();
  // For how long no call has been open; zero while one is.
  absl::Duration Quiet() const;
  // Waits until no call is open, at most for `patience`.
  void AwaitNone(absl::Duration patience) const;

 private:
  Clock* const clock_;
  mutable absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time last_ ABSL_GUARDED_BY(mutex_);
};

// Lets `activity` know of each call, but for gRPC's own services (health, reflection), which probes call.
// `activity` outlives the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeActivityInterceptor(
    RpcActivity* activity);

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_RPC_ACTIVITY_H_
