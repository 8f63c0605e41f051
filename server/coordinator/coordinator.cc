#include "server/coordinator/coordinator.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/log.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/status_macros.h"
#include "server/coordinator/attempt_outcome.h"
#include "server/coordinator/rank_exit.h"
#include "server/coordinator/recorded_progress.h"
#include "server/coordinator/rejections.h"
#include "server/coordinator/resource_view.h"

namespace pretext {
namespace {

constexpr absl::Duration kPauseAfterFailure = absl::Seconds(1);
// Whoever could not write tries again sooner than that.
constexpr absl::Duration kRefusalCounts = absl::Seconds(30);

bool IsOver(const JobRecord& job) {
  return !job.ranks.empty() && std::all_of(job.ranks.begin(), job.ranks.end(),
                                           [](const RankRecord& rank) { return rank.process_gone; });
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options, JobStore* journal, TelemetryStore* telemetry,
                         const Scheduler* scheduler, Launcher* launcher, Clock* clock)
    : options_(std::move(options)),
      journal_(journal),
      telemetry_(telemetry),
      scheduler_(scheduler),
      launcher_(launcher),
      clock_(clock) {}

absl::Status Coordinator::Recover() {
  absl::MutexLock lock(&mutex_);
  PRETEXT_RETURN_IF_ERROR(journal_->Replay(0, [this](int64_t, const v1::Event& event) {
    mutex_.AssertHeld();
    state_.Apply(event);
  }));
  const absl::Time now = clock_->Now();
  recovered_ = now;
  for (const auto& [name, node] : state_.nodes()) {
    AgentSession& session = agents_[name];
    session.incarnation = node.incarnation;
    if (node.reachable) session.lease_end = now + options_.node_lease;
  }
  Log(LogSeverity::kInfo, "journal replayed",
      {{"revision", state_.revision()}, {"jobs", state_.jobs().size()}, {"nodes", state_.nodes().size()}});
  return absl::OkStatus();
}

absl::Status Coordinator::Commit(std::vector<v1::Event> events) {
  if (events.empty()) return absl::OkStatus();
  if (deposed_) {
    return NotLeading();
  }
  const google::protobuf::Timestamp now = ToTimestamp(clock_->Now());
  for (v1::Event& event : events) *event.mutable_time() = now;
  const absl::StatusOr<int64_t> revision = journal_->Append(events, state_.revision());
  if (absl::IsAborted(revision.status())) {
    deposed_ = true;
    Changed();
    Log(LogSeverity::kError, "another coordinator leads", {{"why", revision.status().message()}});
    return NotLeading();
  }
  NoteWritten(revision.status(), &journal_refusal_);
  if (!revision.ok()) {
    Log(LogSeverity::kError, "journal not written", {{"why", revision.status().message()}});
    return NotWritten(revision.status().message());
  }
  for (const v1::Event& event : events) state_.Apply(event);
  Changed();
  return absl::OkStatus();
}

void Coordinator::Changed() {
  ++changes_;
  round_due_ = true;
}

void Coordinator::NoteWritten(const absl::Status& status, Refusal* refusal) {
  if (!status.ok()) refusal->seen = clock_->Now();
  if (refusal->why == status) return;
  refusal->why = status;
  ++changes_;  // for followers; no reason for another round
}

absl::Status Coordinator::Storage() const {
  for (const Refusal* refusal : {&journal_refusal_, &telemetry_refusal_}) {
    if (!refusal->why.ok() && clock_->Now() - refusal->seen < kRefusalCounts)
      return DiskRefuses(refusal->why);
  }
  return absl::OkStatus();
}

absl::Status Coordinator::CheckStorage() const {
  absl::MutexLock lock(&mutex_);
  return Storage();
}

LiveJob& Coordinator::Live(const JobRecord& job) {
  LiveJob& live = live_jobs_[job.name];
  if (live.attempt != job.attempt || live.pulses.size() != job.ranks.size()) {
    live.attempt = job.attempt;
    live.pulses.assign(job.ranks.size(), RankPulse());
    live.ending_since = absl::InfiniteFuture();
    live.abandoned = false;
    if (!job.ranks.empty()) live.progress.set_phase("starting");
  }
  return live;
}

bool Coordinator::Abandoned(const JobRecord& job) const {
  const auto live = live_jobs_.find(job.name);
  const bool known = live != live_jobs_.end() && live->second.attempt == job.attempt;
  const absl::Time since = known ? live->second.ending_since : absl::InfiniteFuture();
  return clock_->Now() >= AbandonTime(job, since, recovered_, options_.graces);
}

absl::Status Coordinator::RunOnce() {
  const std::map<std::string, absl::Status> looked_for = LookForProgress();
  absl::MutexLock lock(&mutex_);
  round_due_ = false;
  const absl::Time now = clock_->Now();
  PRETEXT_RETURN_IF_ERROR(LoseNodes(now));
  PRETEXT_RETURN_IF_ERROR(EndHungGangs(now));
  NoteEndings(now);
  PRETEXT_RETURN_IF_ERROR(EndAttempts(looked_for));
  PRETEXT_RETURN_IF_ERROR(StartGangs());
  EnsureAgents();
  return absl::OkStatus();
}

absl::Status Coordinator::LoseNodes(absl::Time now) {
  std::vector<v1::Event> events;
  for (const auto& [name, node] : state_.nodes()) {
    if (!node.reachable || agents_[name].lease_end > now) continue;
    const std::string why =
        absl::StrCat("its agent has not called for ", absl::FormatDuration(options_.node_lease));
    v1::NodeLost* lost = events.emplace_back().mutable_node_lost();
    lost->set_node(name);
    lost->set_reason(why);
    Log(LogSeverity::kWarning, "node lost", {{"node", name}, {"why", why}});
    for (const auto& [job_name, job] : state_.jobs()) {
      for (const RankRecord& rank : job.ranks) {
        if (rank.process_gone || rank.placement.node() != name) continue;
        *events.emplace_back().mutable_rank_ended() = KeepToldOutcome(
            rank, RankEndedWithoutTrace(job_name, job.attempt, rank.placement, v1::Failure::NODE,
                                        absl::StrCat("its node was lost: ", why)));
      }
    }
  }
  return Commit(std::move(events));
}

absl::Status Coordinator::EndHungGangs(absl::Time now) {
  std::vector<v1::Event> events;
  for (const auto& [name, job] : state_.jobs()) {
    if (job.ranks.empty() || IsEnding(job) || job.stop_requested) continue;
    LiveJob& live = Live(job);
    const RankRecord* behind = nullptr;
    std::string why;
    if (job.state == v1::Job::STARTING) {
      if (now < std::max(job.update_time, recovered_) + options_.start_timeout) continue;
      for (const RankRecord& rank : job.ranks) {
        if (behind == nullptr && !rank.joined) behind = &rank;
      }
      why = absl::StrCat("did not say hello within ", absl::FormatDuration(options_.start_timeout));
    } else {
      absl::Time moved = std::max(job.update_time, recovered_);
      for (const RankPulse& pulse : live.pulses) moved = std::max(moved, pulse.moved);
      if (now < moved + options_.hang_timeout) continue;
      auto place = [&](const RankRecord& rank) {
        const v1::Progress& progress = live.pulses[rank.placement.rank()].progress;
        return std::make_tuple(progress.stage_index(), progress.step());
      };
      for (const RankRecord& rank : job.ranks) {
        if (rank.ended != v1::RankEnded::KIND_UNSPECIFIED) continue;
        if (behind == nullptr || place(rank) < place(*behind)) behind = &rank;
      }
      if (behind == nullptr) continue;
      const v1::Progress& last = live.pulses[behind->placement.rank()].progress;
      why = absl::StrCat("no rank has moved for ", absl::FormatDuration(options_.hang_timeout),
                         "; this one is furthest behind, at step ", last.step(), " of ", last.stage());
    }
    if (behind == nullptr) continue;
    v1::RankEnded ended = RankEndedWithoutTrace(name, job.attempt, behind->placement, v1::Failure::HANG, why);
    ended.set_process_gone(false);
    Log(LogSeverity::kWarning, "gang hung", {{"job", name}, {"why", ended.failure().message()}});
    *events.emplace_back().mutable_rank_ended() = std::move(ended);
  }
  return Commit(std::move(events));
}

void Coordinator::NoteEndings(absl::Time now) {
  for (auto it = live_jobs_.begin(); it != live_jobs_.end();) {
    it = state_.FindJob(it->first) == nullptr ? live_jobs_.erase(it) : std::next(it);
  }
  for (const auto& [name, job] : state_.jobs()) {
    if (job.ranks.empty()) continue;
    LiveJob& live = Live(job);
    if (live.ending_since == absl::InfiniteFuture() && IsEnding(job)) live.ending_since = now;
    if (!live.abandoned && Abandoned(job)) {
      live.abandoned = true;
      Changed();
    }
  }
}

std::map<std::string, absl::Status> Coordinator::LookForProgress() const {
  if (!options_.outputs_are_here) return {};
  std::vector<RecordedProgress> wanted;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, job] : state_.jobs()) {
      if (IsOver(job) && !ProgressOf(job).empty()) wanted.push_back(ProgressOf(job));
    }
  }
  std::map<std::string, absl::Status> looked_for;
  for (const RecordedProgress& progress : wanted)
    looked_for[progress.job] = CheckIsStillThere(progress, options_.outputs_are_here);
  return looked_for;
}

absl::Status Coordinator::EndAttempts(const std::map<std::string, absl::Status>& looked_for) {
  std::vector<v1::Event> events;
  for (const auto& [name, job] : state_.jobs()) {
    if (!IsOver(job)) continue;
    const auto there = looked_for.find(name);
    if (options_.outputs_are_here && there == looked_for.end() && !ProgressOf(job).empty()) {
      Changed();  // its last rank has just gone: the next round looks
      continue;
    }
    AttemptOutcome outcome = DecideAfterAttempt(job);
    if (outcome.next == v1::Job::QUEUED && there != looked_for.end() && !there->second.ok()) {
      outcome.next = v1::Job::FAILED;
      outcome.reason = outcome.failure.has_value()
                           ? absl::StrCat(outcome.failure->message(), "; ", there->second.message())
                           : std::string(there->second.message());
    }
    v1::AttemptEnded* ended = events.emplace_back().mutable_attempt_ended();
    ended->set_job(name);
    ended->set_attempt(job.attempt);
    ended->set_next(outcome.next);
    ended->set_reason(outcome.reason);
    if (outcome.failure.has_value()) *ended->mutable_failure() = *outcome.failure;
    Log(outcome.failure.has_value() ? LogSeverity::kWarning : LogSeverity::kInfo, "attempt ended",
        {{"job", name},
         {"attempt", job.attempt},
         {"next", v1::Job::State_Name(outcome.next)},
         {"reason", outcome.reason}});
  }
  return Commit(std::move(events));
}

absl::Status Coordinator::StartGangs() {
  const Plan plan = scheduler_->MakePlan(state_);
  std::vector<v1::Event> events;
  for (const Plan::Start& start : plan.starts) {
    const JobRecord* job = state_.FindJob(start.job);
    if (job == nullptr) continue;
    v1::AttemptStarted* started = events.emplace_back().mutable_attempt_started();
    started->set_job(start.job);
    started->set_attempt(job->attempt + 1);
    std::set<std::string> nodes;
    for (const v1::RankPlacement& placement : start.placements) {
      *started->add_placements() = placement;
      nodes.insert(placement.node());
    }
    Log(LogSeverity::kInfo, "attempt started",
        {{"job", start.job},
         {"attempt", started->attempt()},
         {"ranks", start.placements.size()},
         {"nodes", nodes.size()}});
  }
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  for (const Plan::Start& start : plan.starts) live_jobs_[start.job].wait_reason.clear();
  for (const Plan::Wait& wait : plan.waits) {
    std::string& reason = live_jobs_[wait.job].wait_reason;
    if (reason == wait.reason) continue;
    reason = wait.reason;
    ++changes_;  // for watchers; no reason for another round
  }
  return absl::OkStatus();
}

void Coordinator::EnsureAgents() {
  if (launcher_ == nullptr || shutting_down_agents_) return;
  const absl::Status status = launcher_->EnsureAgents(state_);
  const std::string complaint = status.ok() ? "" : std::string(status.message());
  if (complaint == launcher_complaint_) return;
  launcher_complaint_ = complaint;
  if (!status.ok()) Log(LogSeverity::kError, "agents not started", {{"why", complaint}});
}

absl::Status Coordinator::Run() {
  while (true) {
    const absl::Status status = RunOnce();
    absl::MutexLock lock(&mutex_);
    if (deposed_) return absl::AbortedError("another coordinator has taken over this state folder");
    if (!status.ok()) Log(LogSeverity::kError, "round failed", {{"why", status.message()}});
    auto due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return round_due_ || stopping_; };
    // A failed round is not tried again at once: what failed it will not have passed.
    auto stopping = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopping_; };
    const absl::Time now = clock_->Now();
    if (status.ok()) {
      clock_->AwaitUntil(&mutex_, absl::Condition(&due), now + options_.round_period);
    } else {
      clock_->AwaitUntil(&mutex_, absl::Condition(&stopping), now + kPauseAfterFailure);
    }
    if (stopping_) return absl::OkStatus();
  }
}

void Coordinator::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  ++changes_;
}

int64_t Coordinator::WaitForChange(int64_t seen, absl::Time deadline) const {
  absl::MutexLock lock(&mutex_);
  auto changed = [this, seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return changes_ > seen; };
  clock_->AwaitUntil(&mutex_, absl::Condition(&changed), deadline);
  return changes_;
}

void Coordinator::WakeWaiters() {
  absl::MutexLock lock(&mutex_);
  ++changes_;
}

int64_t Coordinator::TelemetryVersion(absl::string_view job) const {
  absl::MutexLock lock(&mutex_);
  const auto live = live_jobs_.find(job);
  return live == live_jobs_.end() ? 0 : live->second.telemetry_version;
}

bool Coordinator::HasActiveJobs() const {
  absl::MutexLock lock(&mutex_);
  return std::any_of(state_.jobs().begin(), state_.jobs().end(), [](const auto& entry) {
    return !entry.second.settled() && entry.second.state != v1::Job::PAUSED;
  });
}

void Coordinator::ShutDownAgents() {
  absl::MutexLock lock(&mutex_);
  shutting_down_agents_ = true;
  Changed();
}

bool Coordinator::AgentsWereToldToShutDown() const {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = clock_->Now();
  return shutting_down_agents_ && std::all_of(agents_.begin(), agents_.end(), [&](const auto& entry) {
           return entry.second.told_to_shut_down || entry.second.lease_end <= now;
         });
}

int64_t Coordinator::revision() const {
  absl::MutexLock lock(&mutex_);
  return state_.revision();
}

bool Coordinator::deposed() const {
  absl::MutexLock lock(&mutex_);
  return deposed_;
}

}  // namespace pretext
