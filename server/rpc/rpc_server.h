#ifndef PRETEXT_SERVER_RPC_RPC_SERVER_H_
#define PRETEXT_SERVER_RPC_RPC_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "proto/cpp/clock.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/change_poller.h"
#include "server/rpc/cluster_service.h"
#include "server/rpc/job_service.h"
#include "server/rpc/rpc_activity.h"
#include "server/rpc/worker_service.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// Where to listen: "unix:/path/to/socket", or "host:port" with port 0 for any free one.
struct RpcServerOptions {
  std::vector<std::string> people;   // JobService and ClusterService
  std::vector<std::string> workers;  // WorkerService
  std::string version;
};

// The two gRPC servers, for people and for workers, each with health and reflection.
class RpcServer {
 public:
  // Serving when it returns. Sockets in the file system are made for this user alone; one left over by a
  // program that is gone is replaced. UNAVAILABLE: an address is taken or cannot be listened on; the message
  // names it. INVALID_ARGUMENT: it is none. Everything given outlives the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                          Coordinator* coordinator, TelemetryStore* telemetry,
                                                          Clock* clock);
  ~RpcServer();

  // As given, with the ports that were found.
  const std::vector<std::string>& people_addresses() const { return people_addresses_; }
  const std::vector<std::string>& worker_addresses() const { return worker_addresses_; }

  // For how long nobody has used the people's services.
  absl::Duration Quiet() const { return people_activity_.Quiet(); }

  // Says NOT_SERVING to health checks, ends streams and held calls with UNAVAILABLE, lets other calls end for
  // at most `grace` and takes no new ones. Idempotent.
  void Stop(absl::Duration grace);

 private:
  RpcServer(const RpcServerOptions& options, Coordinator* coordinator, TelemetryStore* telemetry,
            Clock* clock);

  RpcActivity people_activity_;
  RpcActivity worker_activity_;
  ChangePoller poller_;
  JobServiceEdge jobs_;
  ClusterServiceEdge cluster_;
  WorkerServiceEdge workers_;
  std::vector<std::string> people_addresses_;
  std::vector<std::string> worker_addresses_;
  std::unique_ptr<grpc::Server> people_server_;
  std::unique_ptr<grpc::Server> worker_server_;
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_RPC_SERVER_H_
