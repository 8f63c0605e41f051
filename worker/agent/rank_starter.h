#ifndef PRETEXT_WORKER_AGENT_RANK_STARTER_H_
#define PRETEXT_WORKER_AGENT_RANK_STARTER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// How a rank's process ended.
struct RankEnd {
  int exit_code = 0;
  int signal = 0;  // that killed it, or 0
  // The kernel was short of memory and killed processes while the rank ran, and this one died by SIGKILL.
  bool out_of_memory = false;
  std::string last_words;  // the last lines it printed, unless it ended well or was killed by others
};

// Is told of ranks, on a thread of the starter's, one call at a time. May call the starter back.
class RankListener {
 public:
  virtual ~RankListener() = default;
  virtual void OnStarted(int64_t id, pid_t pid) = 0;
  // The process and those it had started are gone. Comes once for each rank; without OnStarted before it when
  // the rank could not be started.
  virtual void OnEnded(int64_t id, const RankEnd& end) = 0;
  // The starter can start nothing more, and every rank it had started is gone.
  virtual void OnBroken(const absl::Status& why) = 0;
};

// Makes processes of ranks. Start and Signal do not wait and are called by one thread at a time.
class RankStarter {
 public:
  virtual ~RankStarter() = default;

  // From now on tells `listener`, which may be null. When this returns, no call to the one before is under
  // way. Call it before the first Start.
  virtual void Listen(RankListener* listener) = 0;
  // `id` is the caller's name for the process, never used twice.
  virtual void Start(int64_t id, const v1::RankAssignment& assignment) = 0;
  // SIGKILL also reaches the processes that the rank has started. Nothing happens when the rank is gone.
  virtual void Signal(int64_t id, int signal) = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_RANK_STARTER_H_
