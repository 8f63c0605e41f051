// What agents and ranks ask of the coordinator.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/log.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/rank_exit.h"
#include "server/coordinator/rejections.h"
#include "server/coordinator/resource_view.h"

namespace pretext {
namespace {

bool SameCapacity(const v1::NodeCapacity& a, const v1::NodeCapacity& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

absl::Status CheckAgent(const v1::SyncAgentRequest& request) {
  if (request.node().rfind("nodes/", 0) != 0 || request.node().size() == 6) {
    return InvalidField("node", absl::StrCat(Quoted(request.node()), " is not of the form nodes/{id}"));
  }
  if (request.incarnation().empty()) {
    return InvalidField("incarnation", "must be set to an id made when the agent started");
  }
  return absl::OkStatus();
}

bool KnowsCheckpoint(const JobRecord& job, const v1::Checkpoint& checkpoint) {
  return std::any_of(job.checkpoints.begin(), job.checkpoints.end(), [&](const v1::Checkpoint& known) {
    return known.stage() == checkpoint.stage() && known.step() == checkpoint.step() &&
           known.attempt() == checkpoint.attempt() && known.digest() == checkpoint.digest();
  });
}

// What the report raises and the job does not know yet; a report may say it twice.
std::vector<v1::Alarm> NewAlarms(const v1::ReportRequest& report, const JobRecord& job, absl::Time now) {
  std::vector<v1::Alarm> alarms;
  for (v1::Alarm alarm : report.alarms()) {
    auto same = [&alarm](const v1::Alarm& known) { return IsSameAlarm(known, alarm); };
    if (std::any_of(job.alarms.begin(), job.alarms.end(), same)) continue;
    if (std::any_of(alarms.begin(), alarms.end(), same)) continue;
    alarm.set_attempt(report.attempt());
    if (!alarm.has_time()) *alarm.mutable_time() = ToTimestamp(now);
    alarms.push_back(std::move(alarm));
  }
  return alarms;
}

}  // namespace

absl::Status Coordinator::JoinAgent(const v1::SyncAgentRequest& request, bool* restarted) {
  const absl::Time now = clock_->Now();
  const NodeRecord* node = state_.FindNode(request.node());
  AgentSession& session = agents_[request.node()];
  *restarted = node != nullptr && node->incarnation != request.incarnation();
  if (session.replaced.count(request.incarnation()) != 0) {
    return NodeTaken(absl::StrCat("another agent has taken over ", request.node(), "; this one must exit"));
  }
  // On the same machine the ranks of an agent that is gone are gone with it. On another one they may live on.
  if (*restarted && node->reachable && session.lease_end > now &&
      node->capacity.host() != request.capacity().host()) {
    return NodeTaken(
        absl::StrCat(request.node(), " is held by an agent on ", node->capacity.host(), " for another ",
                     absl::FormatDuration(absl::Trunc(session.lease_end - now, absl::Seconds(1))),
                     "; exit, and give one of the two another --node name"));
  }
  if (node == nullptr || !node->reachable || *restarted ||
      !SameCapacity(node->capacity, request.capacity()) || node->version != request.version()) {
    std::vector<v1::Event> events(1);
    v1::NodeJoined* joined = events[0].mutable_node_joined();
    joined->set_node(request.node());
    joined->set_incarnation(request.incarnation());
    *joined->mutable_capacity() = request.capacity();
    joined->set_version(request.version());
    PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
    Log(LogSeverity::kInfo, "node joined",
        {{"node", request.node()},
         {"host", request.capacity().host()},
         {"cpu_slots", request.capacity().cpu_slots()},
         {"gpus", request.capacity().gpus()}});
  }
  if (*restarted) session.replaced.insert(session.incarnation);
  session.incarnation = request.incarnation();
  session.last_seen = now;
  session.lease_end = now + options_.node_lease;
  return absl::OkStatus();
}

std::vector<v1::Event> Coordinator::CompareRanks(const v1::SyncAgentRequest& request, bool restarted) {
  AgentSession& session = agents_[request.node()];
  const std::set<RankKey> reported_before = std::move(session.reported);
  session.reported.clear();
  std::map<RankKey, const v1::RankStatus*> told;
  for (const v1::RankStatus& status : request.ranks()) {
    const RankKey key(status.job(), status.attempt(), status.rank());
    told[key] = &status;
    session.reported.insert(key);
  }
  std::vector<v1::Event> events;
  for (const auto& [name, job] : state_.jobs()) {
    const bool abandoned = Abandoned(job);
    for (const RankRecord& rank : job.ranks) {
      if (rank.process_gone || rank.placement.node() != request.node()) continue;
      const RankKey key(name, job.attempt, rank.placement.rank());
      const auto status = told.find(key);
      if (status != told.end() && status->second->state() != v1::RankStatus::EXITED) continue;
      v1::RankEnded ended;
      if (status != told.end()) {
        ended = RankEndedByExit(*status->second, request.node(), abandoned);
      } else if (rank.joined || reported_before.count(key) != 0) {
        ended = RankEndedWithoutTrace(name, job.attempt, rank.placement, v1::Failure::PROCESS,
                                      restarted ? "its agent was restarted, and it ended with the old one"
                                                : "its agent no longer knows of it");
        if (abandoned) ended.set_kind(v1::RankEnded::STOPPED);
      } else if (abandoned || job.stop_requested) {
        // Never started, and now it need not be.
        ended = RankEndedWithoutTrace(name, job.attempt, rank.placement, v1::Failure::PROCESS, "");
        ended.set_kind(v1::RankEnded::STOPPED);
      } else {
        continue;  // about to be started
      }
      if (ended.kind() != v1::RankEnded::FAILED) ended.clear_failure();
      *events.emplace_back().mutable_rank_ended() = KeepToldOutcome(rank, std::move(ended));
    }
  }
  return events;
}

v1::SyncAgentResponse Coordinator::Answer(const std::string& node) {
  AgentSession& session = agents_[node];
  v1::SyncAgentResponse response;
  *response.mutable_lease() = ToProtoDuration(options_.agent_lease);
  response.set_shut_down(shutting_down_agents_);
  if (shutting_down_agents_) session.told_to_shut_down = true;
  auto abandoned = [this](const JobRecord& job) ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return Abandoned(job); };
  auto started = [&session](const RankKey& key) { return session.reported.count(key) != 0; };
  for (v1::RankAssignment& wanted : WantedRanks(state_, node, abandoned, started)) {
    *response.add_ranks() = std::move(wanted);
  }
  std::string digest;
  for (const v1::RankAssignment& rank : response.ranks()) {
    absl::StrAppend(&digest, rank.job(), "/", rank.attempt(), "/", rank.rank(), rank.stop() ? "s" : "", ";");
  }
  if (session.wanted_revision == 0 || digest != session.wanted_digest) {
    session.wanted_revision = std::max(session.wanted_revision + 1, state_.revision());
    session.wanted_digest = digest;
  }
  response.set_revision(session.wanted_revision);
  return response;
}

absl::StatusOr<v1::SyncAgentResponse> Coordinator::SyncAgent(const v1::SyncAgentRequest& request) {
  PRETEXT_RETURN_IF_ERROR(CheckAgent(request));
  absl::MutexLock lock(&mutex_);
  bool restarted = false;
  PRETEXT_RETURN_IF_ERROR(JoinAgent(request, &restarted));
  PRETEXT_RETURN_IF_ERROR(Commit(CompareRanks(request, restarted)));
  return Answer(request.node());
}

absl::StatusOr<v1::SyncAgentResponse> Coordinator::AnswerAgent(const std::string& node,
                                                               absl::string_view incarnation) {
  absl::MutexLock lock(&mutex_);
  const auto session = agents_.find(node);
  if (session == agents_.end() || session->second.incarnation != incarnation) {
    return NodeTaken(absl::StrCat("another agent has taken over ", node, "; this one must exit"));
  }
  return Answer(node);
}

absl::StatusOr<const JobRecord*> Coordinator::FindLive(absl::string_view name, int32_t attempt,
                                                       int32_t rank) const {
  const JobRecord* job = state_.FindJob(name);
  if (job == nullptr) return Fenced(absl::StrCat(name, " does not exist; its ranks must exit"));
  if (job->attempt != attempt || job->ranks.empty()) {
    return Fenced(absl::StrCat("attempt ", attempt, " of ", name, " is over (now ",
                               v1::Job::State_Name(job->state), ", attempt ", job->attempt,
                               "); its ranks must exit"));
  }
  if (rank < 0 || rank >= static_cast<int32_t>(job->ranks.size())) {
    return Fenced(absl::StrCat("rank ", rank, " of ", name, " does not exist: it has ", job->ranks.size()));
  }
  if (job->ranks[rank].process_gone) {
    return Fenced(absl::StrCat("rank ", rank, " of attempt ", attempt, " of ", name,
                               " counts as ended; its process must exit"));
  }
  return job;
}

std::vector<v1::Event> Coordinator::EventsOf(const v1::ReportRequest& report, const JobRecord& job) const {
  const RankRecord& rank = job.ranks[report.rank()];
  std::vector<v1::Event> events;
  if (!rank.joined) {
    v1::RankJoined* joined = events.emplace_back().mutable_rank_joined();
    joined->set_job(report.job());
    joined->set_attempt(report.attempt());
    joined->set_rank(report.rank());
  }
  for (v1::Checkpoint checkpoint : report.checkpoints()) {
    checkpoint.set_attempt(report.attempt());
    if (KnowsCheckpoint(job, checkpoint)) continue;
    checkpoint.set_name(absl::StrCat(job.name, "/checkpoints/", checkpoint.stage(), "-", checkpoint.step()));
    if (!checkpoint.has_create_time()) *checkpoint.mutable_create_time() = ToTimestamp(clock_->Now());
    v1::CheckpointWritten* written = events.emplace_back().mutable_checkpoint_written();
    written->set_job(report.job());
    *written->mutable_checkpoint() = std::move(checkpoint);
  }
  for (v1::Alarm& alarm : NewAlarms(report, job, clock_->Now())) {
    v1::AlarmRaised* raised = events.emplace_back().mutable_alarm_raised();
    raised->set_job(report.job());
    *raised->mutable_alarm() = std::move(alarm);
  }
  for (const std::string& stage : report.finished_stages()) {
    if (job.finished_stages.count(stage) != 0) continue;
    v1::StageFinished* finished = events.emplace_back().mutable_stage_finished();
    finished->set_job(report.job());
    finished->set_attempt(report.attempt());
    finished->set_stage(stage);
  }
  if (report.has_outcome() && rank.ended == v1::RankEnded::KIND_UNSPECIFIED) {
    v1::RankEnded* ended = events.emplace_back().mutable_rank_ended();
    ended->set_job(report.job());
    ended->set_attempt(report.attempt());
    ended->set_rank(report.rank());
    switch (report.outcome().kind()) {
      case v1::Outcome::FINISHED:
        ended->set_kind(v1::RankEnded::FINISHED);
        break;
      case v1::Outcome::STOPPED:
        ended->set_kind(v1::RankEnded::STOPPED);
        break;
      default: {
        ended->set_kind(v1::RankEnded::FAILED);
        v1::Failure* failure = ended->mutable_failure();
        *failure = report.outcome().failure();
        if (failure->cause() == v1::Failure::CAUSE_UNSPECIFIED) failure->set_cause(v1::Failure::PROCESS);
        failure->set_rank(report.rank());
        failure->set_node(rank.placement.node());
        failure->set_attempt(report.attempt());
        if (failure->message().empty()) {
          failure->set_message(absl::StrCat("rank ", report.rank(), " (", failure->node(), ") failed"));
        }
      }
    }
  }
  return events;
}

void Coordinator::NotePulse(const v1::ReportRequest& report) {
  const JobRecord* job = state_.FindJob(report.job());
  if (job == nullptr || job->attempt != report.attempt() || report.rank() >= job->ranks.size()) return;
  LiveJob& live = Live(*job);
  if (!report.metrics().empty() || !report.logs().empty()) {
    ++live.telemetry_version;
    ++changes_;
  }
  RankPulse& pulse = live.pulses[report.rank()];
  if (report.sequence() <= pulse.sequence) return;
  if (pulse.sequence == 0 || HasMoved(pulse.progress, report.progress())) pulse.moved = clock_->Now();
  pulse.sequence = report.sequence();
  if (!report.has_progress()) return;
  pulse.progress = report.progress();
  if (report.rank() == 0) live.progress = report.progress();
}

absl::StatusOr<v1::ReportResponse> Coordinator::Report(const v1::ReportRequest& request) {
  {
    absl::MutexLock lock(&mutex_);
    PRETEXT_RETURN_IF_ERROR(FindLive(request.job(), request.attempt(), request.rank()).status());
  }
  // What was measured is durable before what it means is decided: a job never succeeds without its last
  // points.
  if (!request.metrics().empty() || !request.logs().empty()) {
    const google::protobuf::Timestamp now = ToTimestamp(clock_->Now());
    std::vector<v1::MetricPoint> points(request.metrics().begin(), request.metrics().end());
    for (v1::MetricPoint& point : points) {
      point.set_attempt(request.attempt());
      if (!point.has_time()) *point.mutable_time() = now;
    }
    std::vector<v1::LogLine> lines(request.logs().begin(), request.logs().end());
    for (v1::LogLine& line : lines) {
      line.set_attempt(request.attempt());
      line.set_rank(request.rank());
      if (!line.has_time()) *line.mutable_time() = now;
    }
    const absl::Status written = telemetry_->Write(request.job(), request.attempt(), request.rank(),
                                                   request.sequence(), points, lines);
    {
      absl::MutexLock lock(&mutex_);
      NoteWritten(written, &telemetry_refusal_);
    }
    if (!written.ok()) {
      Log(LogSeverity::kError, "telemetry not written", {{"job", request.job()}, {"why", written.message()}});
      return absl::UnavailableError(
          absl::StrCat("the report cannot be stored (", written.message(), "): send it again"));
    }
  }
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindLive(request.job(), request.attempt(), request.rank()));
  NotePulse(request);
  PRETEXT_RETURN_IF_ERROR(Commit(EventsOf(request, *job)));
  v1::ReportResponse response;
  response.set_stop(job->stop_requested);
  return response;
}

absl::Status Coordinator::PublishRendezvous(const v1::PublishRendezvousRequest& request) {
  if (request.address().empty()) return InvalidField("address", "must be host:port");
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindLive(request.job(), request.attempt(), 0));
  if (job->rendezvous == request.address()) return absl::OkStatus();
  std::vector<v1::Event> events(1);
  v1::RendezvousPublished* published = events[0].mutable_rendezvous_published();
  published->set_job(request.job());
  published->set_attempt(request.attempt());
  published->set_address(request.address());
  return Commit(std::move(events));
}

absl::StatusOr<std::string> Coordinator::FindRendezvous(absl::string_view name, int32_t attempt,
                                                        int32_t rank) const {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindLive(name, attempt, rank));
  if (job->rendezvous.empty()) {
    return absl::NotFoundError(absl::StrCat("rank 0 of attempt ", attempt, " of ", name,
                                            " has not said yet where the gang meets; call again"));
  }
  return job->rendezvous;
}

}  // namespace pretext
