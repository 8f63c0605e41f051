#include "server/state/cluster_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

// Forgets the attempt: its ranks, and what was wished for its end.
void LeaveAttempt(JobRecord& job) {
  job.ranks.clear();
  job.rendezvous.clear();
  job.stop_requested = false;
  job.wish = Wish::kNone;
  job.wish_reason.clear();
}

template <typename Map>
auto* FindOrNull(Map& map, absl::string_view key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

}  // namespace

const v1::Checkpoint* JobRecord::newest_checkpoint() const {
  for (auto it = checkpoints.rbegin(); it != checkpoints.rend(); ++it) {
    if (it->attempt() > ignore_checkpoints_up_to_attempt) return &*it;
  }
  return nullptr;
}

bool IsSameAlarm(const v1::Alarm& a, const v1::Alarm& b) {
  return a.kind() == b.kind() && a.stage() == b.stage() && a.task() == b.task();
}

bool CountsAsRestart(v1::Failure::Cause cause) {
  return cause != v1::Failure::NODE && cause != v1::Failure::COORDINATOR;
}

const JobRecord* ClusterState::FindJob(absl::string_view name) const { return FindOrNull(jobs_, name); }
const NodeRecord* ClusterState::FindNode(absl::string_view name) const { return FindOrNull(nodes_, name); }
const ClusterState::Request* ClusterState::FindRequest(absl::string_view request_id) const {
  return FindOrNull(requests_, request_id);
}

void ClusterState::Apply(const v1::Event& event) {
  ++revision_;
  const absl::Time time = FromTimestamp(event.time());
  switch (event.kind_case()) {
    case v1::Event::kJobSubmitted:
      return OnJobSubmitted(time, event.job_submitted());
    case v1::Event::kJobPauseRequested:
      return OnJobPauseRequested(time, event.job_pause_requested());
    case v1::Event::kJobResumed:
      return OnJobResumed(time, event.job_resumed());
    case v1::Event::kJobCancelRequested:
      return OnJobCancelRequested(time, event.job_cancel_requested());
    case v1::Event::kJobRestarted:
      return OnJobRestarted(time, event.job_restarted());
    case v1::Event::kJobDeleted:
      return OnJobDeleted(event.job_deleted());
    case v1::Event::kAttemptStarted:
      return OnAttemptStarted(time, event.attempt_started());
    case v1::Event::kRankJoined:
      return OnRankJoined(time, event.rank_joined());
    case v1::Event::kRendezvousPublished:
      return OnRendezvousPublished(event.rendezvous_published());
    case v1::Event::kRankEnded:
      return OnRankEnded(time, event.rank_ended());
    case v1::Event::kCheckpointWritten:
      return OnCheckpointWritten(event.checkpoint_written());
    case v1::Event::kAlarmRaised:
      return OnAlarmRaised(event.alarm_raised());
    case v1::Event::kStageFinished:
      return OnStageFinished(time, event.stage_finished());
    case v1::Event::kAttemptEnded:
      return OnAttemptEnded(time, event.attempt_ended());
    case v1::Event::kNodeJoined:
      return OnNodeJoined(event.node_joined());
    case v1::Event::kNodeLost:
      return OnNodeLost(event.node_lost());
    case v1::Event::kNodeDrainChanged:
      return OnNodeDrainChanged(event.node_drain_changed());
    case v1::Event::kRankStopRequested:
      return OnRankStopRequested(time, event.rank_stop_requested());
    case v1::Event::KIND_NOT_SET:
      return;
  }
}

JobRecord* ClusterState::Current(const std::string& name, int32_t attempt) {
  JobRecord* job = FindOrNull(jobs_, name);
  if (job == nullptr || job->attempt != attempt || job->ranks.empty()) return nullptr;
  job->revision = revision_;
  return job;
}

void ClusterState::SetState(JobRecord& job, v1::Job::State state, absl::Time time, std::string reason) {
  job.state = state;
  job.reason = std::move(reason);
  job.update_time = time;
  job.end_time = job.settled() ? time : absl::InfiniteFuture();
  job.revision = revision_;
}

void ClusterState::OnJobSubmitted(absl::Time time, const v1::JobSubmitted& event) {
  JobRecord& job = jobs_[event.job()];
  job.name = event.job();
  job.uid = event.uid();
  job.spec = event.spec();
  job.create_time = time;
  SetState(job, v1::Job::QUEUED, time, "submitted");
  ++next_job_serial_;
  if (!event.request_id().empty()) requests_[event.request_id()] = {event.job(), event.request_digest()};
}

void ClusterState::OnJobPauseRequested(absl::Time time, const v1::JobPauseRequested& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr || job->settled()) return;
  if (job->ranks.empty()) return SetState(*job, v1::Job::PAUSED, time, "paused");
  job->wish = Wish::kPause;
  job->wish_reason = "paused";
  job->revision = revision_;
}

void ClusterState::OnJobResumed(absl::Time time, const v1::JobResumed& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job != nullptr && job->state == v1::Job::PAUSED) SetState(*job, v1::Job::QUEUED, time, "resumed");
}

void ClusterState::OnJobCancelRequested(absl::Time time, const v1::JobCancelRequested& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr || job->settled()) return;
  if (job->ranks.empty()) return SetState(*job, v1::Job::CANCELLED, time, event.reason());
  job->wish = Wish::kCancel;
  job->wish_reason = event.reason();
  job->revision = revision_;
}

void ClusterState::OnJobRestarted(absl::Time time, const v1::JobRestarted& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr || !job->settled()) return;
  job->restarts = 0;
  job->failure.Clear();
  if (event.from_start()) {
    job->ignore_checkpoints_up_to_attempt = job->attempt;
    job->finished_stages.clear();
    job->checkpoints.clear();
    job->alarms.clear();
  }
  SetState(*job, v1::Job::QUEUED, time, event.from_start() ? "restarted from the start" : "restarted");
}

void ClusterState::OnJobDeleted(const v1::JobDeleted& event) { jobs_.erase(event.job()); }

void ClusterState::OnAttemptStarted(absl::Time time, const v1::AttemptStarted& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr) return;
  LeaveAttempt(*job);
  job->attempt = event.attempt();
  for (const v1::RankPlacement& placement : event.placements())
    job->ranks.emplace_back().placement = placement;
  job->start_time = std::min(job->start_time, time);
  SetState(*job, v1::Job::STARTING, time,
           absl::StrCat("waiting for ", job->ranks.size(), job->ranks.size() == 1 ? " rank" : " ranks",
                        " to report"));
}

void ClusterState::OnRankJoined(absl::Time time, const v1::RankJoined& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job == nullptr || event.rank() >= static_cast<int32_t>(job->ranks.size())) return;
  job->ranks[event.rank()].joined = true;
  const bool all =
      std::all_of(job->ranks.begin(), job->ranks.end(), [](const RankRecord& rank) { return rank.joined; });
  if (all && job->state == v1::Job::STARTING) SetState(*job, v1::Job::RUNNING, time, "all ranks run");
}

void ClusterState::OnRendezvousPublished(const v1::RendezvousPublished& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job != nullptr) job->rendezvous = event.address();
}

void ClusterState::OnRankEnded(absl::Time, const v1::RankEnded& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job == nullptr || event.rank() >= static_cast<int32_t>(job->ranks.size())) return;
  RankRecord& rank = job->ranks[event.rank()];
  // An outcome once told stays; the exit that follows only frees the device.
  if (rank.ended == v1::RankEnded::KIND_UNSPECIFIED) {
    rank.ended = event.kind();
    rank.failure = event.failure();
  }
  rank.process_gone = rank.process_gone || event.process_gone();
}

void ClusterState::OnCheckpointWritten(const v1::CheckpointWritten& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr) return;
  // A later attempt may write a step again; then that one counts.
  const std::string& name = event.checkpoint().name();
  auto same = [&name](const v1::Checkpoint& known) { return known.name() == name; };
  job->checkpoints.erase(std::remove_if(job->checkpoints.begin(), job->checkpoints.end(), same),
                         job->checkpoints.end());
  job->checkpoints.push_back(event.checkpoint());
  job->revision = revision_;
}

void ClusterState::OnAlarmRaised(const v1::AlarmRaised& event) {
  JobRecord* job = FindOrNull(jobs_, event.job());
  if (job == nullptr) return;
  // An attempt that goes on from a checkpoint may see again what the one before it saw; the first sight
  // counts.
  auto same = [&event](const v1::Alarm& known) { return IsSameAlarm(known, event.alarm()); };
  if (std::any_of(job->alarms.begin(), job->alarms.end(), same)) return;
  job->alarms.push_back(event.alarm());
  job->revision = revision_;
}

void ClusterState::OnStageFinished(absl::Time, const v1::StageFinished& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job != nullptr) job->finished_stages.insert(event.stage());
}

void ClusterState::OnAttemptEnded(absl::Time time, const v1::AttemptEnded& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job == nullptr) return;
  LeaveAttempt(*job);
  if (event.has_failure()) {
    job->failure = event.failure();
    if (event.next() == v1::Job::QUEUED && CountsAsRestart(event.failure().cause())) ++job->restarts;
  }
  SetState(*job, event.next(), time, event.reason());
}

void ClusterState::OnNodeJoined(const v1::NodeJoined& event) {
  NodeRecord& node = nodes_[event.node()];
  node.name = event.node();
  node.incarnation = event.incarnation();
  node.capacity = event.capacity();
  node.version = event.version();
  node.reachable = true;
}

void ClusterState::OnNodeLost(const v1::NodeLost& event) {
  if (NodeRecord* node = FindOrNull(nodes_, event.node())) node->reachable = false;
}

void ClusterState::OnNodeDrainChanged(const v1::NodeDrainChanged& event) {
  if (NodeRecord* node = FindOrNull(nodes_, event.node())) node->draining = event.draining();
}

void ClusterState::OnRankStopRequested(absl::Time time, const v1::RankStopRequested& event) {
  JobRecord* job = Current(event.job(), event.attempt());
  if (job == nullptr) return;
  job->stop_requested = true;
  SetState(*job, v1::Job::STOPPING, time, event.reason());
}

}  // namespace pretext
