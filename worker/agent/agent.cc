#include "worker/agent/agent.h"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/log.h"
#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

using State = LocalRank::State;

// Whether calling again cannot help.
bool IsFinal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         absl::IsUnimplemented(status);
}

bool HasEnded(const LocalRanks::value_type& rank) { return rank.second.state == State::kEnded; }

std::string DescribeEnd(const RankEnd& end) {
  std::string how =
      end.signal != 0 ? absl::StrCat("signal ", end.signal) : absl::StrCat("exit code ", end.exit_code);
  if (!end.last_words.empty()) absl::StrAppend(&how, "; it printed last: ", end.last_words);
  return how;
}

std::string Describe(const v1::RankStatus& status) {
  return absl::StrCat(status.job(), " attempt ", status.attempt(), " rank ", status.rank());
}

}  // namespace

Agent::Agent(AgentOptions options, SyncCall* call, RankStarter* starter, Clock* clock)
    : options_(std::move(options)),
      call_(call),
      starter_(starter),
      clock_(clock),
      backoff_(options_.retry, options_.seed) {
  starter_->Listen(this);
}

Agent::~Agent() { starter_->Listen(nullptr); }

absl::Status Agent::Run() {
  absl::MutexLock lock(&mutex_);
  while (true) {
    KeepTime();
    if (!broken_.ok()) return broken_;
    if (MayLeave()) return EndWith(absl::OkStatus());
    const v1::SyncAgentRequest request = MakeRequest();
    const absl::Time sent = clock_->Now();
    const absl::StatusOr<v1::SyncAgentResponse> answer = Call(request);
    if (answer.ok()) {
      TakeAnswer(request, sent, *answer);
      // Such answers are not held back; the ranks need a while to end.
      if (answer->shut_down() && !news_) Pause(options_.retry.first_delay);
    } else if (IsFinal(answer.status())) {
      return EndWith(answer.status());
    } else if (!news_) {
      NoteOutage(answer.status());
      Pause(backoff_.Next());
    }
  }
}

v1::SyncAgentRequest Agent::MakeRequest() const {
  v1::SyncAgentRequest request;
  request.set_node(options_.node);
  request.set_incarnation(options_.incarnation);
  *request.mutable_capacity() = options_.capacity;
  request.set_version(options_.version);
  *request.mutable_wait() = ToProtoDuration(options_.wait);
  request.set_known_revision(known_revision_);
  for (const auto& [key, rank] : ranks_) *request.add_ranks() = rank.status;
  return request;
}

absl::StatusOr<v1::SyncAgentResponse> Agent::Call(const v1::SyncAgentRequest& request) {
  answer_.reset();
  news_ = false;
  call_->Start(request, options_.wait + options_.answer_time,
               [this](absl::StatusOr<v1::SyncAgentResponse> answer) {
                 absl::MutexLock lock(&mutex_);
                 answer_ = std::move(answer);
               });
  auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return answer_.has_value() || news_; };
  while (!clock_->AwaitUntil(&mutex_, absl::Condition(&something), NextTime())) {
    KeepTime();
    if (clock_->Now() >= leave_at_) news_ = true;
  }
  if (!answer_.has_value()) {
    call_->Cancel();
    auto answered = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return answer_.has_value(); };
    mutex_.Await(absl::Condition(&answered));
  }
  return *std::move(answer_);
}

void Agent::TakeAnswer(const v1::SyncAgentRequest& request, absl::Time sent,
                       const v1::SyncAgentResponse& answer) {
  backoff_.Reset();
  if (outage_since_ != absl::InfiniteFuture()) {
    Log(LogSeverity::kInfo, "coordinator answers again",
        {{"after", absl::FormatDuration(absl::Trunc(clock_->Now() - outage_since_, absl::Milliseconds(1)))}});
    outage_since_ = absl::InfiniteFuture();
  }
  // From when the call was sent: the coordinator counts from when it came, which is later.
  const absl::Duration lease = FromProtoDuration(answer.lease());
  lease_end_ = lease > absl::ZeroDuration() ? sent + lease : absl::InfiniteFuture();
  known_revision_ = answer.revision();
  for (const v1::RankStatus& told : request.ranks()) {
    if (told.state() == v1::RankStatus::EXITED) ranks_[KeyOf(told)].end_told = true;
  }
  if (answer.shut_down() && !leaving_) BeginToLeave("the coordinator says that no more work is coming");
  Apply(CompareRanks({answer.ranks().begin(), answer.ranks().end()}, ranks_, leaving_));
}

void Agent::Apply(const RankChanges& changes) {
  for (const RankKey& key : changes.forget) ranks_.erase(key);
  for (const RankKey& key : changes.kill) {
    LocalRank& rank = ranks_[key];
    Log(LogSeverity::kInfo, "killing a rank that is no longer wanted", {{"rank", Describe(rank.status)}});
    starter_->Signal(rank.id, SIGKILL);
    rank.state = State::kKilled;
  }
  for (const RankKey& key : changes.stop) {
    LocalRank& rank = ranks_[key];
    Log(LogSeverity::kInfo, "telling a rank to stop", {{"rank", Describe(rank.status)}});
    starter_->Signal(rank.id, SIGTERM);
    rank.state = State::kToldToStop;
  }
  for (const v1::RankAssignment& assignment : changes.start) {
    LocalRank& rank = ranks_[KeyOf(assignment)];
    rank.id = ++last_id_;
    rank.status.set_job(assignment.job());
    rank.status.set_attempt(assignment.attempt());
    rank.status.set_rank(assignment.rank());
    rank.status.set_state(v1::RankStatus::RUNNING);
    starter_->Start(rank.id, assignment);
  }
}

void Agent::NoteOutage(const absl::Status& status) {
  // A coordinator that has restarted counts revisions anew.
  known_revision_ = 0;
  if (outage_since_ != absl::InfiniteFuture()) return;
  outage_since_ = clock_->Now();
  Log(LogSeverity::kWarning, "coordinator does not answer; trying on",
      {{"why", absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message())}});
}

void Agent::Pause(absl::Duration duration) {
  const absl::Time until = clock_->Now() + duration;
  while (clock_->Now() < until) {
    if (clock_->AwaitUntil(&mutex_, absl::Condition(&news_), std::min(until, NextTime()))) return;
    KeepTime();
    if (MayLeave()) return;
  }
}

void Agent::Leave() {
  absl::MutexLock lock(&mutex_);
  if (leaving_) {
    kill_at_ = absl::InfinitePast();
  } else {
    BeginToLeave("told to stop");
  }
  news_ = true;
}

void Agent::BeginToLeave(absl::string_view why) {
  leaving_ = true;
  kill_at_ = clock_->Now() + options_.stop_time;
  leave_at_ = kill_at_ + options_.kill_time;
  Log(LogSeverity::kInfo, "agent leaves",
      {{"why", why}, {"ranks", std::count_if(ranks_.begin(), ranks_.end(), [](const auto& rank) {
                        return !HasEnded(rank);
                      })}});
  for (auto& [key, rank] : ranks_) {
    if (rank.state != State::kRunning) continue;
    starter_->Signal(rank.id, SIGTERM);
    rank.state = State::kToldToStop;
  }
}

bool Agent::MayLeave() {
  if (!leaving_) return false;
  if (clock_->Now() >= leave_at_) return true;
  return std::all_of(ranks_.begin(), ranks_.end(),
                     [](const auto& rank) { return HasEnded(rank) && rank.second.end_told; });
}

void Agent::KillRanks(absl::string_view why) {
  for (auto& [key, rank] : ranks_) {
    if (rank.state == State::kEnded || rank.state == State::kKilled) continue;
    Log(LogSeverity::kWarning, "killing a rank", {{"rank", Describe(rank.status)}, {"why", why}});
    starter_->Signal(rank.id, SIGKILL);
    rank.state = State::kKilled;
  }
}

void Agent::KeepTime() {
  const absl::Time now = clock_->Now();
  if (now >= lease_end_) {
    KillRanks("no successful call for the length of the lease");
    lease_end_ = absl::InfiniteFuture();
  }
  if (now >= kill_at_) {
    KillRanks("it did not stop in time");
    kill_at_ = absl::InfiniteFuture();
  }
}

absl::Time Agent::NextTime() const {
  const absl::Time next = std::min(lease_end_, kill_at_);
  // Once it has come there is nothing more to wake up for.
  return clock_->Now() < leave_at_ ? std::min(next, leave_at_) : next;
}

LocalRank* Agent::FindRank(int64_t id) {
  const auto found =
      std::find_if(ranks_.begin(), ranks_.end(), [id](const auto& rank) { return rank.second.id == id; });
  return found == ranks_.end() ? nullptr : &found->second;
}

void Agent::OnStarted(int64_t id, pid_t pid) {
  absl::MutexLock lock(&mutex_);
  LocalRank* rank = FindRank(id);
  if (rank == nullptr) return;
  rank->status.set_pid(pid);
  Log(LogSeverity::kInfo, "rank started", {{"rank", Describe(rank->status)}, {"pid", pid}});
}

void Agent::OnEnded(int64_t id, const RankEnd& end) {
  absl::MutexLock lock(&mutex_);
  LocalRank* rank = FindRank(id);
  if (rank == nullptr) return;
  v1::RankStatus& status = rank->status;
  status.set_state(v1::RankStatus::EXITED);
  status.set_exit_code(end.exit_code);
  status.set_signal(end.signal);
  status.set_out_of_memory(end.out_of_memory && rank->state != State::kKilled);
  status.set_last_words(end.last_words);
  rank->state = State::kEnded;
  news_ = true;
  if (leaving_ && std::all_of(ranks_.begin(), ranks_.end(), HasEnded)) {
    leave_at_ = std::min(leave_at_, clock_->Now() + options_.kill_time);
  }
  Log(LogSeverity::kInfo, "rank ended",
      {{"rank", Describe(status)}, {"pid", status.pid()}, {"how", DescribeEnd(end)}});
}

void Agent::OnBroken(const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  broken_ = why;
  news_ = true;
}

absl::Status Agent::EndWith(absl::Status status) {
  KillRanks("the agent exits");
  auto gone = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !broken_.ok() || std::all_of(ranks_.begin(), ranks_.end(), HasEnded);
  };
  clock_->AwaitUntil(&mutex_, absl::Condition(&gone), clock_->Now() + options_.kill_time);
  return status;
}

}  // namespace pretext
