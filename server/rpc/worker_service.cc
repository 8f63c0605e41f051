#include "server/rpc/worker_service.h"

#include <algorithm>
#include <utility>

#include "proto/cpp/proto_time.h"
#include "server/rpc/answer.h"
#include "server/rpc/held_call.h"

namespace pretext {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

absl::Time WorkerServiceEdge::HoldUntil(const google::protobuf::Duration& wait) const {
  const absl::Duration asked = FromProtoDuration(wait);
  return clock_->Now() + std::clamp(asked, absl::ZeroDuration(), coordinator_->options().agent_lease / 3);
}

Unary* WorkerServiceEdge::SyncAgent(Context* context, const v1::SyncAgentRequest* request,
                                    v1::SyncAgentResponse* response) {
  absl::StatusOr<v1::SyncAgentResponse> first = coordinator_->SyncAgent(*request);
  const bool news = !first.ok() || first->shut_down() || first->revision() != request->known_revision();
  if (news) return Answer(context, std::move(first), response);
  auto attempt = [this, request, response](bool expired) -> absl::optional<absl::Status> {
    absl::StatusOr<v1::SyncAgentResponse> answer =
        coordinator_->AnswerAgent(request->node(), request->incarnation());
    if (!answer.ok()) return answer.status();
    if (!expired && !answer->shut_down() && answer->revision() == request->known_revision())
      return absl::nullopt;
    *response = *std::move(answer);
    return absl::OkStatus();
  };
  return HeldCall::Start(poller_, clock_->Now(), HoldUntil(request->wait()), std::move(attempt));
}

Unary* WorkerServiceEdge::Report(Context* context, const v1::ReportRequest* request,
                                 v1::ReportResponse* response) {
  return Answer(context, coordinator_->Report(*request), response);
}

Unary* WorkerServiceEdge::PublishRendezvous(Context* context, const v1::PublishRendezvousRequest* request,
                                            v1::PublishRendezvousResponse*) {
  return Answer(context, coordinator_->PublishRendezvous(*request));
}

Unary* WorkerServiceEdge::GetRendezvous(Context*, const v1::GetRendezvousRequest* request,
                                        v1::GetRendezvousResponse* response) {
  auto attempt = [this, request, response](bool expired) -> absl::optional<absl::Status> {
    absl::StatusOr<std::string> address =
        coordinator_->FindRendezvous(request->job(), request->attempt(), request->rank());
    if (absl::IsNotFound(address.status()) && !expired) return absl::nullopt;
    if (address.ok()) response->set_address(*std::move(address));
    return address.status();
  };
  return HeldCall::Start(poller_, clock_->Now(), HoldUntil(request->wait()), std::move(attempt));
}

}  // namespace pretext
