#include "server/build_server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/log.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/version.h"
#include "server/coordinator/job_folder.h"
#include "server/launchers/registry.h"
#include "server/scheduler/gang_scheduler.h"
#include "server/store/sqlite_job_store.h"
#include "server/store/sqlite_telemetry_store.h"

namespace pretext {
namespace {

constexpr absl::Duration kStopGrace = absl::Seconds(3);
constexpr absl::Duration kLeaseMargin = absl::Seconds(15);

// Where the agent on this machine calls: a socket in the file system, which is made when none is asked for.
std::string LocalWorkerAddress(const std::vector<std::string>& addresses) {
  const auto local = std::find_if(addresses.begin(), addresses.end(), [](const std::string& address) {
    return absl::StartsWith(address, "unix:");
  });
  return local == addresses.end() ? std::string() : *local;
}

RpcServerOptions AddressesOf(const ServerOptions& options, const StateFolder& folder) {
  RpcServerOptions rpc;
  rpc.version = kVersion;
  rpc.people = options.listen;
  if (rpc.people.empty()) rpc.people.push_back(absl::StrCat("unix:", folder.Path(kServerSocket)));
  rpc.workers = options.worker_listen;
  if (rpc.workers.empty() || (options.launcher == "local" && LocalWorkerAddress(rpc.workers).empty())) {
    rpc.workers.push_back(absl::StrCat("unix:", folder.Path("worker.sock")));
  }
  return rpc;
}

}  // namespace

absl::Status PretextServer::Open(const ServerOptions& options) {
  PRETEXT_ASSIGN_OR_RETURN(folder_, StateFolder::Hold(options.state_directory));
  PRETEXT_RETURN_IF_ERROR(EmptyTrash(folder_->path()));
  PRETEXT_ASSIGN_OR_RETURN(journal_, SqliteJobStore::Open(folder_->Path("journal.sqlite")));
  PRETEXT_ASSIGN_OR_RETURN(telemetry_, SqliteTelemetryStore::Open(folder_->Path("telemetry.sqlite")));
  scheduler_ = std::make_unique<GangScheduler>();
  const RpcServerOptions rpc = AddressesOf(options, *folder_);

  LocalLauncherOptions local;
  local.find_worker = [options]() -> absl::StatusOr<std::string> {
    if (!options.worker_binary.empty()) return options.worker_binary;
    return FindProgram("pretext-worker", "worker", ProgramFolder(), options.search_path);
  };
  local.coordinator_address = LocalWorkerAddress(rpc.workers);
  local.node = options.node;
  local.agent_directory = folder_->Path("agent");
  local.cpu_slots = options.cpu_slots;
  // What the worker would else set for itself by beginning anew, which costs the first job a second.
  local.environment = {"OMP_WAIT_POLICY=PASSIVE"};
  PRETEXT_ASSIGN_OR_RETURN(launcher_, MakeLauncher(options.launcher, local, clock_));

  CoordinatorOptions coordinator;
  coordinator.state_directory = folder_->path();
  coordinator.outputs_are_here =
      std::all_of(rpc.workers.begin(), rpc.workers.end(),
                  [](const std::string& address) { return absl::StartsWith(address, "unix:"); });
  coordinator.agent_lease = options.lease;
  coordinator.node_lease = options.lease + kLeaseMargin;
  coordinator_ = std::make_unique<Coordinator>(coordinator, journal_.get(), telemetry_.get(),
                                               scheduler_.get(), launcher_.get(), clock_);
  PRETEXT_RETURN_IF_ERROR(coordinator_->Recover());
  PRETEXT_ASSIGN_OR_RETURN(rpc_, RpcServer::Start(rpc, coordinator_.get(), telemetry_.get(), clock_));
  rounds_ = std::thread([this] {
    const absl::Status status = coordinator_->Run();
    if (!status.ok()) Log(LogSeverity::kError, "rounds ended", {{"why", status.message()}});
  });
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<PretextServer>> PretextServer::Start(const ServerOptions& options,
                                                                    Clock* clock) {
  std::unique_ptr<PretextServer> server(new PretextServer(clock));
  PRETEXT_RETURN_IF_ERROR(server->Open(options));
  return server;
}

bool PretextServer::IdleFor(absl::Duration duration) const {
  return rpc_->Quiet() >= duration && !coordinator_->HasActiveJobs();
}

void PretextServer::ShutDownAgents(absl::Duration patience) {
  coordinator_->ShutDownAgents();
  const absl::Time deadline = clock_->Now() + patience;
  int64_t seen = 0;
  while (!coordinator_->AgentsWereToldToShutDown() && clock_->Now() < deadline) {
    seen = coordinator_->WaitForChange(seen, std::min(deadline, clock_->Now() + absl::Milliseconds(100)));
  }
}

void PretextServer::Stop() {
  if (rpc_ != nullptr) rpc_->Stop(kStopGrace);
  if (coordinator_ != nullptr) coordinator_->Stop();
  if (rounds_.joinable()) rounds_.join();
}

PretextServer::~PretextServer() { Stop(); }

}  // namespace pretext
