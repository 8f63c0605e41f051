#ifndef PRETEXT_WORKER_AGENT_RUN_AGENT_H_
#define PRETEXT_WORKER_AGENT_RUN_AGENT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/worker_service.pb.h"
#include "proto/cpp/clock.h"

namespace pretext {

struct AgentSettings {
  std::string coordinator;  // its address for workers
  std::string node;         // nodes/{id}
  std::string state;        // folder: agent.lock, ranks/*.log; made when missing
  std::string version;
  std::string host;          // where other machines reach this one; empty: found out
  int cpu_slots = 0;         // 0: one a core
  absl::optional<int> gpus;  // none: counted
};

// What a rank does in its own process (worker/agent/fork_server.h), given what its node can do.
using NodeRankBody = std::function<int(const v1::NodeCapacity& node, const v1::RankAssignment& assignment)>;

// An agent from its start to its end. Ends early, but orderly, on SIGTERM and SIGINT; at once on a second
// one. REQUIRES: the process has one thread, and does nothing else. Errors are Agent::Run's, and
//   ALREADY_EXISTS  another agent uses the state folder
//   UNAVAILABLE     the state folder cannot be used
//   RESOURCE_EXHAUSTED   no process can be started
absl::Status RunAgent(const AgentSettings& settings, const NodeRankBody& body, Clock* clock);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_RUN_AGENT_H_
