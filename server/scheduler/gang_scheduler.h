#ifndef PRETEXT_SERVER_SCHEDULER_GANG_SCHEDULER_H_
#define PRETEXT_SERVER_SCHEDULER_GANG_SCHEDULER_H_

#include "server/scheduler/scheduler.h"

namespace pretext {

// Starts gangs whole or not at all: higher priority first, then older jobs. A gang goes to the one node it
// fills best, or is spread over as few as can be. A job that must wait, though the cluster could hold it,
// keeps all behind it that need the same kind of device waiting too, so that a large gang is never starved by
// small ones; a job too large for the cluster holds up nobody.
class GangScheduler final : public Scheduler {
 public:
  Plan MakePlan(const ClusterState& state) const override;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_SCHEDULER_GANG_SCHEDULER_H_
