#ifndef PRETEXT_WORKER_AGENT_AGENT_H_
#define PRETEXT_WORKER_AGENT_AGENT_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "pretext/v1/worker_service.pb.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/retry_policy.h"
#include "worker/agent/rank_changes.h"
#include "worker/agent/rank_starter.h"
#include "worker/agent/sync_call.h"

namespace pretext {

struct AgentOptions {
  std::string node;         // nodes/{id}
  std::string incarnation;  // made anew each time an agent starts
  std::string version;
  v1::NodeCapacity capacity;
  // How long the coordinator may hold a call when it has nothing to say, and how much longer an answer may
  // take.
  absl::Duration wait = absl::Seconds(20);
  absl::Duration answer_time = absl::Seconds(10);
  // Between tries while the coordinator does not answer; the agent never gives up.
  RetryPolicy retry = {absl::Milliseconds(100), 1.6, absl::Seconds(1), 0.2, absl::InfiniteDuration()};
  uint64_t seed = 0;  // of the jitter
  // When the agent leaves: what ranks get to checkpoint and exit, and after that the kernel to end those that
  // have not and the coordinator to hear of it.
  absl::Duration stop_time = absl::Seconds(25);
  absl::Duration kill_time = absl::Seconds(3);
};

// Keeps the ranks of one node as the coordinator wants them: tells it the whole truth, hears what should run,
// closes the gap, and tells it again. Without a successful call for the lease that it was given it kills its
// ranks, because the coordinator may by then have started them elsewhere; it then goes on calling.
class Agent final : public RankListener {
 public:
  // `call`, `starter` and `clock` outlive it.
  Agent(AgentOptions options, SyncCall* call, RankStarter* starter, Clock* clock);
  ~Agent() override;

  // Returns when the agent has nothing more to do, with all its ranks gone. Once.
  //   OK                   told to leave, by Leave() or by the coordinator
  //   FAILED_PRECONDITION  another agent holds the node
  //   INVALID_ARGUMENT, UNIMPLEMENTED   the coordinator cannot be talked to with these options
  //   INTERNAL             the starter broke
  absl::Status Run();

  // Tells the ranks to checkpoint and exit; Run() returns when they have, and kills them after `stop_time`.
  // A second call kills them at once. Any thread.
  void Leave();

 private:
  void OnStarted(int64_t id, pid_t pid) override;
  void OnEnded(int64_t id, const RankEnd& end) override;
  void OnBroken(const absl::Status& why) override;

  v1::SyncAgentRequest MakeRequest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // One call. CANCELLED: news came that the coordinator has to hear first, or it is time to be gone.
  absl::StatusOr<v1::SyncAgentResponse> Call(const v1::SyncAgentRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeAnswer(const v1::SyncAgentRequest& request, absl::Time sent, const v1::SyncAgentResponse& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(const RankChanges& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteOutage(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Until there is news.
  void Pause(absl::Duration duration) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  void BeginToLeave(absl::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayLeave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void KillRanks(absl::string_view why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Does what is due by now: the lease's end, the end of `stop_time`.
  void KeepTime() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time NextTime() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LocalRank* FindRank(int64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Kills what runs, waits for its end and returns `status`.
  absl::Status EndWith(absl::Status status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AgentOptions options_;
  SyncCall* const call_;
  RankStarter* const starter_;
  Clock* const clock_;

  absl::Mutex mutex_;
  LocalRanks ranks_ ABSL_GUARDED_BY(mutex_);
  int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t known_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  Backoff backoff_ ABSL_GUARDED_BY(mutex_);
  absl::Time outage_since_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Time lease_end_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::optional<absl::StatusOr<v1::SyncAgentResponse>> answer_ ABSL_GUARDED_BY(mutex_);
  // Something has happened that the call under way does not tell.
  bool news_ ABSL_GUARDED_BY(mutex_) = false;
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time kill_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();   // when leaving
  absl::Time leave_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();  // come what may
  absl::Status broken_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_AGENT_H_
