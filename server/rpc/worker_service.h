#ifndef PRETEXT_SERVER_RPC_WORKER_SERVICE_H_
#define PRETEXT_SERVER_RPC_WORKER_SERVICE_H_

#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/clock.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/change_poller.h"

namespace pretext {

// WorkerService over the coordinator. Calls that wait cost no thread.
class WorkerServiceEdge final : public v1::WorkerService::CallbackService {
 public:
  // All outlive it.
  WorkerServiceEdge(Coordinator* coordinator, ChangePoller* poller, Clock* clock)
      : coordinator_(coordinator), poller_(poller), clock_(clock) {}

  grpc::ServerUnaryReactor* SyncAgent(grpc::CallbackServerContext* context,
                                      const v1::SyncAgentRequest* request,
                                      v1::SyncAgentResponse* response) override;
  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext* context, const v1::ReportRequest* request,
                                   v1::ReportResponse* response) override;
  grpc::ServerUnaryReactor* PublishRendezvous(grpc::CallbackServerContext* context,
                                              const v1::PublishRendezvousRequest* request,
                                              v1::PublishRendezvousResponse* response) override;
  grpc::ServerUnaryReactor* GetRendezvous(grpc::CallbackServerContext* context,
                                          const v1::GetRendezvousRequest* request,
                                          v1::GetRendezvousResponse* response) override;

 private:
  // How long a call is held: as asked, but never for so long that a lease might run out meanwhile.
  absl::Time HoldUntil(const google::protobuf::Duration& wait) const;

  Coordinator* const coordinator_;
  ChangePoller* const poller_;
  Clock* const clock_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_WORKER_SERVICE_H_
