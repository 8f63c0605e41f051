#ifndef PRETEXT_SERVER_SCHEDULER_SCHEDULER_H_
#define PRETEXT_SERVER_SCHEDULER_SCHEDULER_H_

#include <string>
#include <vector>

#include "pretext/v1/job.pb.h"
#include "server/state/cluster_state.h"

namespace pretext {

// What should happen next, as values; whoever carries it out does so through events.
struct Plan {
  struct Start {
    std::string job;
    std::vector<v1::RankPlacement> placements;  // by rank
  };
  struct Wait {
    std::string job;
    std::string reason;  // one sentence: what is needed, what is free, who holds it
  };
  std::vector<Start> starts;  // gangs to start, all or none of each
  std::vector<Wait> waits;    // every other queued job
};

// Decides only. Stateless and idempotent; called with the coordinator's lock held.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  // Equal states give equal plans.
  virtual Plan MakePlan(const ClusterState& state) const = 0;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_SCHEDULER_SCHEDULER_H_
