#include "server/rpc/rpc_activity.h"

#include "absl/strings/match.h"

namespace pretext {
namespace {

// Lives as long as its call.
class ActivityInterceptor final : public grpc::experimental::Interceptor {
 public:
  explicit ActivityInterceptor(RpcActivity* activity) : activity_(activity) { activity_->Begin(); }
  ~ActivityInterceptor() override { activity_->End(); }
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override { methods->Proceed(); }

 private:
  RpcActivity* const activity_;
};

class ActivityInterceptorFactory final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit ActivityInterceptorFactory(RpcActivity* activity) : activity_(activity) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* call) override {
    if (absl::StartsWith(call->method(), "/grpc.")) return nullptr;
    return new ActivityInterceptor(activity_);
  }

 private:
  RpcActivity* const activity_;
};

}  // namespace

void RpcActivity::Begin() {
  absl::MutexLock lock(&mutex_);
  ++open_;
}

void RpcActivity::End() {
  absl::MutexLock lock(&mutex_);
  --open_;
  last_ = clock_->Now();
}

absl::Duration RpcActivity::Quiet() const {
  absl::MutexLock lock(&mutex_);
  return open_ > 0 ? absl::ZeroDuration() : clock_->Now() - last_;
}

void RpcActivity::AwaitNone(absl::Duration patience) const {
  absl::MutexLock lock(&mutex_);
  auto none = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return open_ == 0; };
  clock_->AwaitUntil(&mutex_, absl::Condition(&none), clock_->Now() + patience);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeActivityInterceptor(
    RpcActivity* activity) {
  return std::make_unique<ActivityInterceptorFactory>(activity);
}

}  // namespace pretext
