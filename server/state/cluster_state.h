#ifndef PRETEXT_SERVER_STATE_CLUSTER_STATE_H_
#define PRETEXT_SERVER_STATE_CLUSTER_STATE_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pretext/v1/cluster.pb.h"
#include "pretext/v1/event.pb.h"
#include "pretext/v1/job.pb.h"
#include "proto/cpp/job_state.h"

namespace pretext {

// One rank of the current attempt.
struct RankRecord {
  v1::RankPlacement placement;
  bool joined = false;                                          // has said hello
  bool process_gone = false;                                    // its device is free
  v1::RankEnded::Kind ended = v1::RankEnded::KIND_UNSPECIFIED;  // its outcome, once told
  v1::Failure failure;                                          // when `ended` is FAILED
};

// Whether they say the same: of the same stage and task, of the same kind.
bool IsSameAlarm(const v1::Alarm& a, const v1::Alarm& b);

// What the job shall become once its attempt is over, if somebody asked.
enum class Wish { kNone, kPause, kCancel };

struct JobRecord {
  std::string name;  // jobs/{id}
  std::string uid;
  v1::JobSpec spec;  // resolved
  v1::Job::State state = v1::Job::QUEUED;
  std::string reason;
  int32_t attempt = 0;            // the current or last one
  int32_t restarts = 0;           // failed attempts, for max_restarts
  std::vector<RankRecord> ranks;  // of the current attempt, by rank; empty while none runs
  std::string rendezvous;         // of the current attempt; empty: not yet known
  bool stop_requested = false;    // the ranks are told to checkpoint and exit
  Wish wish = Wish::kNone;
  std::string wish_reason;
  std::set<std::string> finished_stages;
  std::vector<v1::Checkpoint> checkpoints;  // oldest first
  std::vector<v1::Alarm> alarms;            // oldest first, one a stage, kind and task
  int32_t ignore_checkpoints_up_to_attempt = 0;
  v1::Failure failure;  // of the last failed attempt
  absl::Time create_time;
  absl::Time start_time = absl::InfiniteFuture();
  absl::Time end_time = absl::InfiniteFuture();
  absl::Time update_time;
  int64_t revision = 0;  // of the last event that changed it

  bool settled() const { return IsSettled(state); }
  // Of those that it may go on from; null when there is none.
  const v1::Checkpoint* newest_checkpoint() const;
};

struct NodeRecord {
  std::string name;         // nodes/{id}
  std::string incarnation;  // of its agent
  v1::NodeCapacity capacity;
  std::string version;
  bool reachable = false;
  bool draining = false;
};

// True when an attempt that ends with `cause` uses up one of max_restarts: the loss of a node and the
// coordinator's own faults are not the job's.
bool CountsAsRestart(v1::Failure::Cause cause);

// Everything the coordinator knows for certain: the meaning of the journal. Thread-compatible. Holds no
// clock and does no I/O, so that replaying a journal gives an equal state.
class ClusterState {
 public:
  // The only way the state changes. Cannot fail: whoever appends an event has validated it first. An event
  // about something unknown (a job since deleted, an older attempt) changes nothing but the revision.
  void Apply(const v1::Event& event);

  int64_t revision() const { return revision_; }  // events applied so far

  // By name. Null when there is none.
  const JobRecord* FindJob(absl::string_view name) const;
  const NodeRecord* FindNode(absl::string_view name) const;
  const std::map<std::string, JobRecord, std::less<>>& jobs() const { return jobs_; }
  const std::map<std::string, NodeRecord, std::less<>>& nodes() const { return nodes_; }

  // The submission a request id belongs to: job and digest. Null when the id is new.
  struct Request {
    std::string job;
    std::string digest;
  };
  const Request* FindRequest(absl::string_view request_id) const;

  // Serial for the next job's name; grows with every submission ever made.
  int64_t next_job_serial() const { return next_job_serial_; }

 private:
  // One method a kind of event, in event order.
  void OnJobSubmitted(absl::Time time, const v1::JobSubmitted& event);
  void OnJobPauseRequested(absl::Time time, const v1::JobPauseRequested& event);
  void OnJobResumed(absl::Time time, const v1::JobResumed& event);
  void OnJobCancelRequested(absl::Time time, const v1::JobCancelRequested& event);
  void OnJobRestarted(absl::Time time, const v1::JobRestarted& event);
  void OnJobDeleted(const v1::JobDeleted& event);
  void OnAttemptStarted(absl::Time time, const v1::AttemptStarted& event);
  void OnRankJoined(absl::Time time, const v1::RankJoined& event);
  void OnRendezvousPublished(const v1::RendezvousPublished& event);
  void OnRankEnded(absl::Time time, const v1::RankEnded& event);
  void OnCheckpointWritten(const v1::CheckpointWritten& event);
  void OnAlarmRaised(const v1::AlarmRaised& event);
  void OnStageFinished(absl::Time time, const v1::StageFinished& event);
  void OnAttemptEnded(absl::Time time, const v1::AttemptEnded& event);
  void OnNodeJoined(const v1::NodeJoined& event);
  void OnNodeLost(const v1::NodeLost& event);
  void OnNodeDrainChanged(const v1::NodeDrainChanged& event);
  void OnRankStopRequested(absl::Time time, const v1::RankStopRequested& event);

  // The job when `attempt` is its current one, else null.
  JobRecord* Current(const std::string& job, int32_t attempt);
  void SetState(JobRecord& job, v1::Job::State state, absl::Time time, std::string reason);

  int64_t revision_ = 0;
  int64_t next_job_serial_ = 1;
  std::map<std::string, JobRecord, std::less<>> jobs_;
  std::map<std::string, NodeRecord, std::less<>> nodes_;
  std::map<std::string, Request, std::less<>> requests_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_STATE_CLUSTER_STATE_H_
