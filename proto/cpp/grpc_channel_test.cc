#include "proto/cpp/grpc_channel.h"

#include <grpcpp/client_context.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "pretext/v1/cluster_service.grpc.pb.h"

namespace pretext {
namespace {

class Cluster final : public v1::ClusterService::Service {
  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::GetVersionResponse*) override {
    return grpc::Status::OK;
  }
};

// With `wait`, for as long as it takes to connect but no longer than that.
grpc::Status Call(v1::ClusterService::Stub& stub, std::chrono::milliseconds wait) {
  grpc::ClientContext context;
  context.set_wait_for_ready(wait.count() > 0);
  context.set_deadline(std::chrono::system_clock::now() +
                       (wait.count() > 0 ? wait : std::chrono::milliseconds(30000)));
  v1::GetVersionResponse response;
  return stub.GetVersion(&context, v1::GetVersionRequest(), &response);
}

// On a free port, or again on the one that it got.
std::unique_ptr<grpc::Server> Listen(Cluster* cluster, int* port) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(*port), grpc::InsecureServerCredentials(), port);
  builder.RegisterService(cluster);
  return builder.BuildAndStart();
}

TEST(GrpcChannelTest, ConnectsSoonAfterTheOtherEndIsBack) {
  Cluster cluster;
  int port = 0;
  Listen(&cluster, &port)->Shutdown();
  const auto stub = v1::ClusterService::NewStub(MakeGrpcChannel("127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(Call(*stub, std::chrono::milliseconds(0)).error_code(), grpc::UNAVAILABLE);
  const std::unique_ptr<grpc::Server> server = Listen(&cluster, &port);
  EXPECT_TRUE(Call(*stub, std::chrono::milliseconds(4000)).ok());
}

}  // namespace
}  // namespace pretext
