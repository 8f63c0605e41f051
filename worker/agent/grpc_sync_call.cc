#include "worker/agent/grpc_sync_call.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/grpc_status.h"

namespace pretext {
namespace {

class GrpcSyncCall final : public SyncCall {
 public:
  explicit GrpcSyncCall(const std::string& address)
      : stub_(v1::WorkerService::NewStub(MakeGrpcChannel(address))) {}

  void Start(const v1::SyncAgentRequest& request, absl::Duration timeout, OnDone on_done) override {
    auto call = std::make_shared<Call>();
    call->request = request;
    call->context.set_deadline(std::chrono::system_clock::now() + absl::ToChronoNanoseconds(timeout));
    call_ = call;
    stub_->async()->SyncAgent(&call->context, &call->request, &call->response,
                              [call, on_done = std::move(on_done)](grpc::Status status) {
                                if (!status.ok()) return on_done(FromGrpcStatus(status));
                                on_done(std::move(call->response));
                              });
  }

  void Cancel() override { call_->context.TryCancel(); }

 private:
  // Lives until gRPC has let go of it.
  struct Call {
    grpc::ClientContext context;
    v1::SyncAgentRequest request;
    v1::SyncAgentResponse response;
  };

  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  std::shared_ptr<Call> call_;
};

}  // namespace

std::unique_ptr<SyncCall> MakeGrpcSyncCall(const std::string& address) {
  return std::make_unique<GrpcSyncCall>(address);
}

}  // namespace pretext
