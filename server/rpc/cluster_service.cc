#include "server/rpc/cluster_service.h"

#include "server/rpc/answer.h"

namespace pretext {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

Unary* ClusterServiceEdge::ListNodes(Context* context, const v1::ListNodesRequest*,
                                     v1::ListNodesResponse* response) {
  for (v1::Node& node : coordinator_->ListNodes()) *response->add_nodes() = std::move(node);
  return Answer(context, absl::OkStatus());
}

Unary* ClusterServiceEdge::DrainNode(Context* context, const v1::DrainNodeRequest* request,
                                     v1::Node* response) {
  return Answer(context, coordinator_->SetDraining(request->name(), true), response);
}

Unary* ClusterServiceEdge::UndrainNode(Context* context, const v1::UndrainNodeRequest* request,
                                       v1::Node* response) {
  return Answer(context, coordinator_->SetDraining(request->name(), false), response);
}

Unary* ClusterServiceEdge::GetVersion(Context* context, const v1::GetVersionRequest*,
                                      v1::GetVersionResponse* response) {
  response->set_version(version_);
  response->set_state_directory(coordinator_->options().state_directory);
  return Answer(context, absl::OkStatus());
}

}  // namespace pretext
