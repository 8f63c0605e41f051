#ifndef PRETEXT_WORKER_AGENT_ZYGOTE_H_
#define PRETEXT_WORKER_AGENT_ZYGOTE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/agent/fork_server.h"
#include "worker/agent/rank_starter.h"
#include "worker/agent/zygote_wire.h"

namespace pretext {

struct ZygoteOptions {
  std::string log_folder;  // must exist
  size_t logs_kept = 200;
  // How often the kernel has killed a process of this machine or container for lack of memory.
  std::function<int64_t()> out_of_memory_kills;
};

// Starts ranks by forking them from a process that has all libraries loaded and no threads: a rank begins to
// work in milliseconds, and shares the libraries' memory with the others. The zygote dies with this process,
// and the ranks die with the zygote.
class Zygote final : public RankStarter {
 public:
  // Forks the zygote. FAILED_PRECONDITION: this process has more than one thread, so that a fork would copy
  // locks that nobody opens. RESOURCE_EXHAUSTED: no process or file descriptor is left.
  static absl::StatusOr<std::unique_ptr<Zygote>> Fork(ZygoteOptions options, const RankBody& body);
  // Ends the zygote and every rank.
  ~Zygote() override;

  void Listen(RankListener* listener) override;
  void Start(int64_t id, const v1::RankAssignment& assignment) override;
  void Signal(int64_t id, int signal) override;

  pid_t pid() const { return pid_; }

 private:
  // What is remembered of a rank until its end.
  struct Started {
    std::string log;
    int64_t kills_before = 0;  // for lack of memory, when it was started
  };

  Zygote(ZygoteOptions options, pid_t pid, int socket);

  // The thread that hears the zygote.
  void Hear();
  void Deliver(const ZygoteMessage& message);
  RankEnd Explain(const ZygoteMessage& message);

  const ZygoteOptions options_;
  const pid_t pid_;
  const int socket_;

  absl::Mutex mutex_;  // held while the listener is called
  RankListener* listener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Mutex started_mutex_;
  std::map<int64_t, Started> started_ ABSL_GUARDED_BY(started_mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread hearing_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_ZYGOTE_H_
