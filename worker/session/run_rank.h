#ifndef PRETEXT_WORKER_SESSION_RUN_RANK_H_
#define PRETEXT_WORKER_SESSION_RUN_RANK_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/worker_service.pb.h"
#include "proto/cpp/clock.h"
#include "worker/stages/run_job.h"

namespace pretext {

// What a rank knows from its agent.
struct RankSettings {
  std::string coordinator;    // its address for workers
  std::string node;           // nodes/{id}
  v1::NodeCapacity capacity;  // of that node
  // How long the coordinator may take to acknowledge the outcome before the rank ends without.
  absl::Duration patience = absl::Minutes(10);
  Clock* clock = RealClock();
  std::function<absl::Status(const JobRun&)> run_job = RunJob;
  // Ends the process at once. Tests let it return.
  std::function<void(int exit_code)> end_process = EndProcess;

  [[noreturn]] static void EndProcess(int exit_code);
};

// All of a rank, from its assignment to its exit code (proto/cpp/exit_codes.h): says hello, meets its gang,
// runs the job's stages, and tells how that ended. SIGTERM asks it to checkpoint and stop. When the
// coordinator says that its attempt is over it ends the process where it stands and writes nothing more.
// Called once, by the process's only thread, with SIGTERM blocked.
int RunRank(const RankSettings& settings, const v1::RankAssignment& assignment);

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_RUN_RANK_H_
