#ifndef PRETEXT_SERVER_COORDINATOR_COORDINATOR_H_
#define PRETEXT_SERVER_COORDINATOR_COORDINATOR_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/event.pb.h"
#include "pretext/v1/job.pb.h"
#include "pretext/v1/job_service.pb.h"
#include "pretext/v1/worker_service.pb.h"
#include "proto/cpp/clock.h"
#include "server/coordinator/live_facts.h"
#include "server/coordinator/wanted_ranks.h"
#include "server/launchers/launcher.h"
#include "server/scheduler/scheduler.h"
#include "server/state/cluster_state.h"
#include "server/store/job_store.h"
#include "server/store/telemetry_store.h"

namespace pretext {

struct CoordinatorOptions {
  std::string state_directory;  // absolute; jobs without an output write to jobs/{id} below it
  absl::Duration agent_lease = absl::Seconds(60);    // without a call for so long an agent kills its ranks
  absl::Duration node_lease = absl::Seconds(75);     // and a little later its node counts as lost
  absl::Duration hang_timeout = absl::Minutes(30);   // a gang of which no rank moves for so long has hung
  absl::Duration start_timeout = absl::Minutes(10);  // for every rank of a gang to say hello
  absl::Duration round_period = absl::Milliseconds(200);
  bool outputs_are_here = false;  // every agent is on this machine and sees the folders that it sees
  GangGraces graces;
  int max_queued_jobs = 10'000;
};

// The heart of the service. Owns the state and the one lock; any thread may call anything. Every change goes
// the same way: check against the state, append to the journal, apply, act. When a call returns OK its change
// is durable; when it does not, nothing has changed.
//
// Besides the errors named, any call that changes something may answer UNAVAILABLE: the journal cannot be
// written, or another coordinator has taken over (then Run() returns too).
class Coordinator {
 public:
  // The stores, `scheduler`, `launcher` (may be null: agents join by themselves) and `clock` outlive it.
  Coordinator(CoordinatorOptions options, JobStore* journal, TelemetryStore* telemetry,
              const Scheduler* scheduler, Launcher* launcher, Clock* clock);

  // Rebuilds the state from the journal; call once, first. Nodes get one full lease to call again.
  absl::Status Recover();

  // One round: lost nodes, hung gangs, attempts that are over, gangs to start, agents. Idempotent.
  absl::Status RunOnce();
  // Rounds, every `round_period` or as soon as something has changed, until Stop() (then OK) or another
  // coordinator leads (then ABORTED).
  absl::Status Run();
  void Stop();

  // For people. Names are jobs/{id} and nodes/{id}; the errors are those of JobService and ClusterService.
  absl::StatusOr<v1::Job> CreateJob(const v1::CreateJobRequest& request);
  absl::StatusOr<v1::Job> GetJob(absl::string_view name) const;
  std::vector<v1::Job> ListJobs() const;  // oldest first
  absl::StatusOr<v1::Job> CancelJob(absl::string_view name, absl::string_view reason);
  absl::StatusOr<v1::Job> PauseJob(absl::string_view name);
  absl::StatusOr<v1::Job> ResumeJob(absl::string_view name);
  absl::StatusOr<v1::Job> RestartJob(absl::string_view name, bool from_start);
  absl::Status DeleteJob(absl::string_view name);
  absl::StatusOr<std::vector<v1::Checkpoint>> ListCheckpoints(absl::string_view name) const;  // newest first
  std::vector<v1::Node> ListNodes() const;
  absl::StatusOr<v1::Node> SetDraining(absl::string_view name, bool draining);

  // For agents and ranks. None of these waits: whoever holds a call open asks again after a change.
  absl::StatusOr<v1::SyncAgentResponse> SyncAgent(const v1::SyncAgentRequest& request);
  // What SyncAgent would answer now, without counting as a sign of life.
  absl::StatusOr<v1::SyncAgentResponse> AnswerAgent(const std::string& node, absl::string_view incarnation);
  absl::StatusOr<v1::ReportResponse> Report(const v1::ReportRequest& request);
  absl::Status PublishRendezvous(const v1::PublishRendezvousRequest& request);
  // NOT_FOUND: not yet.
  absl::StatusOr<std::string> FindRendezvous(absl::string_view job, int32_t attempt, int32_t rank) const;

  // Waits until more changes than `seen` have happened (to jobs, nodes or telemetry) or `deadline` comes.
  // Returns how many have.
  int64_t WaitForChange(int64_t seen, absl::Time deadline) const;
  // Makes WaitForChange return.
  void WakeWaiters();
  // Grows with every report of the job that brought metrics or logs. 0: none since the coordinator started.
  int64_t TelemetryVersion(absl::string_view job) const;

  // UNAVAILABLE, DISK_REFUSES, while metrics, logs or events cannot be stored, as far as the last half minute
  // tells: so long ranks cannot hand over what they have, and nothing moves for who follows them.
  absl::Status CheckStorage() const;

  // True while a job is queued or has processes.
  bool HasActiveJobs() const;
  // From now on agents are told to exit; false until all that hold a lease have been told.
  void ShutDownAgents();
  bool AgentsWereToldToShutDown() const;
  // Of the journal's newest event.
  int64_t revision() const;
  // Whether another coordinator has taken over.
  bool deposed() const;

  const CoordinatorOptions& options() const { return options_; }

 private:
  friend class CoordinatorTestAccess;

  // Stamps, appends and applies `events`. OK for none.
  absl::Status Commit(std::vector<v1::Event> events) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Changed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes how the last attempt to write to a store went.
  struct Refusal {
    absl::Status why;
    absl::Time seen = absl::InfinitePast();
  };
  void NoteWritten(const absl::Status& status, Refusal* refusal) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // As CheckStorage().
  absl::Status Storage() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  // The steps of a round.
  absl::Status LoseNodes(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status EndHungGangs(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of jobs whose attempt is over and which have checkpoints to go on from: whether those are there. Looks
  // only where outputs_are_here: a folder of another machine may hang, and its ranks look themselves.
  std::map<std::string, absl::Status> LookForProgress() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status EndAttempts(const std::map<std::string, absl::Status>& looked_for)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status StartGangs() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteEndings(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EnsureAgents() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<const JobRecord*> FindJob(absl::string_view name) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  v1::Job View(const JobRecord& job) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  v1::Node View(const NodeRecord& node) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // The job that an earlier call with this request id has made; nullopt: none has. ALREADY_EXISTS, NOT_FOUND:
  // the id cannot be used again.
  absl::StatusOr<absl::optional<v1::Job>> FindRequested(absl::string_view request_id,
                                                        const std::string& digest) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // RESOURCE_EXHAUSTED, QUEUE_FULL.
  absl::Status CheckQueueHasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Whether what the job has recorded is still in its folder. OK for a job that is not there.
  absl::Status CheckProgressIsThere(absl::string_view name) const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<v1::Job> StopFor(absl::string_view name, v1::Event wish, const std::string& reason)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The job when `attempt` is its current one and `rank` may still speak, else ABORTED.
  absl::StatusOr<const JobRecord*> FindLive(absl::string_view job, int32_t attempt, int32_t rank) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Status JoinAgent(const v1::SyncAgentRequest& request, bool* restarted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<v1::Event> CompareRanks(const v1::SyncAgentRequest& request, bool restarted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::SyncAgentResponse Answer(const std::string& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<v1::Event> EventsOf(const v1::ReportRequest& report, const JobRecord& job) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void NotePulse(const v1::ReportRequest& report) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  LiveJob& Live(const JobRecord& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Abandoned(const JobRecord& job) const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const CoordinatorOptions options_;
  JobStore* const journal_;
  TelemetryStore* const telemetry_;
  const Scheduler* const scheduler_;
  Launcher* const launcher_;
  Clock* const clock_;

  mutable absl::Mutex mutex_;
  ClusterState state_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, LiveJob, std::less<>> live_jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, AgentSession, std::less<>> agents_ ABSL_GUARDED_BY(mutex_);
  absl::Time recovered_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool round_due_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool shutting_down_agents_ ABSL_GUARDED_BY(mutex_) = false;
  bool deposed_ ABSL_GUARDED_BY(mutex_) = false;
  Refusal journal_refusal_ ABSL_GUARDED_BY(mutex_);
  Refusal telemetry_refusal_ ABSL_GUARDED_BY(mutex_);
  std::string launcher_complaint_ ABSL_GUARDED_BY(mutex_);  // the last one logged
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_COORDINATOR_H_
