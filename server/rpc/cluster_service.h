#ifndef PRETEXT_SERVER_RPC_CLUSTER_SERVICE_H_
#define PRETEXT_SERVER_RPC_CLUSTER_SERVICE_H_

#include <string>
#include <utility>

#include "pretext/v1/cluster_service.grpc.pb.h"
#include "server/coordinator/coordinator.h"

namespace pretext {

// ClusterService over the coordinator.
class ClusterServiceEdge final : public v1::ClusterService::CallbackService {
 public:
  // The coordinator outlives it. `version` is this program's.
  ClusterServiceEdge(Coordinator* coordinator, std::string version)
      : coordinator_(coordinator), version_(std::move(version)) {}

  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;
  grpc::ServerUnaryReactor* DrainNode(grpc::CallbackServerContext* context,
                                      const v1::DrainNodeRequest* request, v1::Node* response) override;
  grpc::ServerUnaryReactor* UndrainNode(grpc::CallbackServerContext* context,
                                        const v1::UndrainNodeRequest* request, v1::Node* response) override;
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const v1::GetVersionRequest* request,
                                       v1::GetVersionResponse* response) override;

 private:
  Coordinator* const coordinator_;
  const std::string version_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_CLUSTER_SERVICE_H_
