#include "server/rpc/rpc_server.h"

#include <utility>

#include "grpc/impl/codegen/grpc_types.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/status_macros.h"
#include "server/rpc/listening.h"

namespace pretext {
namespace {

constexpr int kMinPingIntervalMs = 5'000;

void Configure(grpc::ServerBuilder* builder, RpcActivity* activity) {
  builder->SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder->SetMaxSendMessageSize(kMaxMessageBytes);
  // Agents and followers find out by pings that a silent machine is gone.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs);
  // Two servers on one port would each get half of the calls.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(MakeActivityInterceptor(activity));
  builder->experimental().SetInterceptorCreators(std::move(interceptors));
}

std::vector<const char*> PeopleServices() {
  return {v1::JobService::service_full_name(), v1::ClusterService::service_full_name()};
}
std::vector<const char*> WorkerServices() { return {v1::WorkerService::service_full_name()}; }

// Of the server as a whole, and of each of its services by name.
void SetServing(grpc::Server* server, const std::vector<const char*>& services, bool serving) {
  if (server == nullptr || server->GetHealthCheckService() == nullptr) return;
  server->GetHealthCheckService()->SetServingStatus(serving);
  for (const char* service : services) server->GetHealthCheckService()->SetServingStatus(service, serving);
}

}  // namespace

RpcServer::RpcServer(const RpcServerOptions& options, Coordinator* coordinator, TelemetryStore* telemetry,
                     Clock* clock)
    : people_activity_(clock),
      worker_activity_(clock),
      poller_(coordinator, clock),
      jobs_(coordinator, telemetry, &poller_),
      cluster_(coordinator, options.version),
      workers_(coordinator, &poller_, clock),
      people_addresses_(options.people),
      worker_addresses_(options.workers) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const RpcServerOptions& options,
                                                            Coordinator* coordinator,
                                                            TelemetryStore* telemetry, Clock* clock) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<RpcServer> server(new RpcServer(options, coordinator, telemetry, clock));

  grpc::ServerBuilder people;
  Configure(&people, &server->people_activity_);
  people.RegisterService(&server->jobs_);
  people.RegisterService(&server->cluster_);
  PRETEXT_ASSIGN_OR_RETURN(server->people_server_, Listen(&people, &server->people_addresses_));

  grpc::ServerBuilder workers;
  Configure(&workers, &server->worker_activity_);
  workers.RegisterService(&server->workers_);
  PRETEXT_ASSIGN_OR_RETURN(server->worker_server_, Listen(&workers, &server->worker_addresses_));

  SetServing(server->people_server_.get(), PeopleServices(), true);
  SetServing(server->worker_server_.get(), WorkerServices(), true);
  return server;
}

void RpcServer::Stop(absl::Duration grace) {
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  SetServing(people_server_.get(), PeopleServices(), false);
  SetServing(worker_server_.get(), WorkerServices(), false);
  poller_.Stop();
  people_activity_.AwaitNone(grace);
  worker_activity_.AwaitNone(grace);
  // Connections of clients that do nothing at the moment would hold up an orderly shutdown until its
  // deadline.
  const auto long_past = absl::ToChronoTime(absl::UnixEpoch());
  if (people_server_ != nullptr) people_server_->Shutdown(long_past);
  if (worker_server_ != nullptr) worker_server_->Shutdown(long_past);
}

RpcServer::~RpcServer() { Stop(absl::ZeroDuration()); }

}  // namespace pretext
