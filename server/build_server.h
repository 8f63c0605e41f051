#ifndef PRETEXT_SERVER_BUILD_SERVER_H_
#define PRETEXT_SERVER_BUILD_SERVER_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/cpp/clock.h"
#include "server/coordinator/coordinator.h"
#include "server/launchers/launcher.h"
#include "server/options.h"
#include "server/rpc/rpc_server.h"
#include "server/scheduler/scheduler.h"
#include "server/state_folder.h"
#include "server/store/job_store.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// The whole service in one object: folder, stores, coordinator, launcher, gRPC.
class PretextServer {
 public:
  // Serving when it returns, with all that was acknowledged before. `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<PretextServer>> Start(const ServerOptions& options, Clock* clock);
  // As Stop().
  ~PretextServer();

  const std::vector<std::string>& people_addresses() const { return rpc_->people_addresses(); }
  const std::vector<std::string>& worker_addresses() const { return rpc_->worker_addresses(); }
  const std::string& state_directory() const { return folder_->path(); }

  // True when no job is queued or runs and nobody has called for `duration`.
  bool IdleFor(absl::Duration duration) const;
  bool HasActiveJobs() const { return coordinator_->HasActiveJobs(); }
  // True when another coordinator has taken over the journal; nothing is left but to stop.
  bool deposed() const { return coordinator_->deposed(); }

  // Tells agents to exit and waits until each has heard it, or `patience` is over.
  void ShutDownAgents(absl::Duration patience);
  // Ends streams, waits for other calls a little, stops. Agents and their ranks go on. Idempotent.
  void Stop();

 private:
  explicit PretextServer(Clock* clock) : clock_(clock) {}
  absl::Status Open(const ServerOptions& options);

  Clock* const clock_;
  std::unique_ptr<StateFolder> folder_;
  std::unique_ptr<JobStore> journal_;
  std::unique_ptr<TelemetryStore> telemetry_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Launcher> launcher_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RpcServer> rpc_;
  std::thread rounds_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_BUILD_SERVER_H_
