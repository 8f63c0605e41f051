#include "worker/agent/run_agent.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/log.h"
#include "proto/cpp/signal_thread.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/uuid.h"
#include "worker/agent/agent.h"
#include "worker/agent/agent_lock.h"
#include "worker/agent/cgroup.h"
#include "worker/agent/grpc_sync_call.h"
#include "worker/agent/node_capacity.h"
#include "worker/agent/zygote.h"
#include "worker/dist/device.h"

namespace pretext {
namespace {

// For the ranks of an agent that has just been killed to be gone too.
constexpr absl::Duration kLockPatience = absl::Seconds(3);

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot make the folder ", path, ": ", error.message(), "; choose another with --state"));
}

// Without what may start threads.
v1::NodeCapacity Measure(const AgentSettings& settings) {
  v1::NodeCapacity capacity = MeasureNode();
  if (settings.cpu_slots > 0) capacity.set_cpu_slots(settings.cpu_slots);
  capacity.set_host(settings.host.empty() ? FindHostAddress(settings.coordinator) : settings.host);
  return capacity;
}

void AddGpus(const AgentSettings& settings, v1::NodeCapacity* capacity) {
  capacity->set_gpus(settings.gpus.has_value() ? *settings.gpus : CountGpus());
  const std::string gpu = DescribeGpu();
  if (capacity->gpus() == 0 || gpu.empty()) return;
  capacity->set_device_description(
      absl::StrCat(capacity->gpus(), " x ", gpu, "; ", capacity->device_description()));
}

}  // namespace

absl::Status RunAgent(const AgentSettings& settings, const NodeRankBody& body, Clock* clock) {
  BlockSignals({SIGTERM, SIGINT});
  signal(SIGPIPE, SIG_IGN);
  const std::string logs = absl::StrCat(settings.state, "/ranks");
  PRETEXT_RETURN_IF_ERROR(MakeFolder(logs));
  PRETEXT_RETURN_IF_ERROR(TakeAgentLock(settings.state, kLockPatience, clock));

  v1::NodeCapacity capacity = Measure(settings);
  ZygoteOptions zygote_options;
  zygote_options.log_folder = logs;
  zygote_options.out_of_memory_kills = [] { return CountOutOfMemoryKills(); };
  PRETEXT_ASSIGN_OR_RETURN(const std::unique_ptr<Zygote> zygote,
                           Zygote::Fork(std::move(zygote_options), [&](const v1::RankAssignment& assignment) {
                             return body(capacity, assignment);
                           }));
  AddGpus(settings, &capacity);

  AgentOptions options;
  options.node = settings.node;
  options.incarnation = MakeUuid();
  options.version = settings.version;
  options.capacity = capacity;
  options.seed = absl::Hash<std::string>()(options.incarnation);
  Log(LogSeverity::kInfo, "agent started",
      {{"pid", getpid()},
       {"node", settings.node},
       {"coordinator", settings.coordinator},
       {"host", capacity.host()},
       {"cores", capacity.cores()},
       {"cpu_slots", capacity.cpu_slots()},
       {"gpus", capacity.gpus()}});
  const std::unique_ptr<SyncCall> call = MakeGrpcSyncCall(settings.coordinator);
  Agent agent(std::move(options), call.get(), zygote.get(), clock);
  SignalThread signals({SIGTERM, SIGINT}, [&agent](int) { agent.Leave(); });
  absl::Status status = agent.Run();
  if (!status.ok()) Log(LogSeverity::kError, "agent ends", {{"why", status.message()}});
  return status;
}

}  // namespace pretext
