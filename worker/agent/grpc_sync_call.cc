#include "worker/agent/grpc_sync_call.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/grpc_deadline.h"
#include "proto/cpp/grpc_status.h"

namespace pretext {
namespace {

class GrpcSyncCall final : public SyncCall {
 public:
  explicit GrpcSyncCall(const std::string& address)
      : stub_(v1::WorkerService::NewStub(MakeGrpcChannel(address))) {}

  // gRPC lets go of a call a little after it has called back, on a thread of its own. The program must not
  // end before that.
  ~GrpcSyncCall() override {
    call_.reset();
    auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
    absl::MutexLock lock(&mutex_, absl::Condition(&none));
  }

  void Start(const v1::SyncAgentRequest& request, absl::Duration timeout, OnDone on_done) override {
    auto call = std::make_shared<Call>(this);
    call->request = request;
    SetDeadline(&call->context, timeout);
    call_ = call;
    stub_->async()->SyncAgent(&call->context, &call->request, &call->response,
                              [call, on_done = std::move(on_done)](grpc::Status status) {
                                if (!status.ok()) return on_done(FromGrpcStatus(status));
                                on_done(std::move(call->response));
                              });
  }

  void Cancel() override { call_->context.TryCancel(); }

 private:
  // Counts a call while it lives.
  class Count {
   public:
    explicit Count(GrpcSyncCall* owner) : owner_(owner) { Add(1); }
    ~Count() { Add(-1); }

   private:
    void Add(int count) {
      absl::MutexLock lock(&owner_->mutex_);
      owner_->calls_ += count;
    }
    GrpcSyncCall* const owner_;
  };

  // Lives until gRPC has let go of it.
  struct Call {
    explicit Call(GrpcSyncCall* owner) : count(owner) {}
    Count count;  // first, so that it goes last
    grpc::ClientContext context;
    v1::SyncAgentRequest request;
    v1::SyncAgentResponse response;
  };

  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  absl::Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<Call> call_;
};

}  // namespace

std::unique_ptr<SyncCall> MakeGrpcSyncCall(const std::string& address) {
  return std::make_unique<GrpcSyncCall>(address);
}

}  // namespace pretext
