// What people ask of the coordinator.

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/log.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/uuid.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/job_folder.h"
#include "server/coordinator/job_names.h"
#include "server/coordinator/output_ownership.h"
#include "server/coordinator/recorded_progress.h"
#include "server/coordinator/rejections.h"
#include "server/coordinator/resource_view.h"
#include "server/coordinator/spec_admission.h"

namespace pretext {
namespace {

constexpr size_t kMaxRequestIdLength = 128;
// Specs travel in lists and to every rank, whose messages are bounded.
constexpr size_t kMaxSpecBytes = 64 << 10;

absl::Status CheckSizes(const v1::CreateJobRequest& request) {
  if (request.request_id().size() > kMaxRequestIdLength) {
    return InvalidField("request_id", absl::StrCat("has ", request.request_id().size(),
                                                   " bytes, and the most is ", kMaxRequestIdLength));
  }
  if (request.spec().ByteSizeLong() > kMaxSpecBytes) {
    return InvalidField(
        "spec", absl::StrCat("has ", request.spec().ByteSizeLong(), " bytes, and the most is ", kMaxSpecBytes,
                             "; make several jobs of it"));
  }
  return absl::OkStatus();
}

// What `validate_only` answers: a job that is not there.
v1::Job ViewOfValidSpec(v1::JobSpec spec, absl::Time now) {
  JobRecord record;
  record.spec = std::move(spec);
  record.create_time = record.update_time = now;
  return ViewOfJob(record, "");
}

}  // namespace

absl::StatusOr<const JobRecord*> Coordinator::FindJob(absl::string_view name) const {
  const JobRecord* job = state_.FindJob(name);
  if (job == nullptr) return NoSuchJob(name);
  return job;
}

v1::Job Coordinator::View(const JobRecord& job) const {
  const auto live = live_jobs_.find(job.name);
  v1::Job view = ViewOfJob(job, live == live_jobs_.end() ? "" : live->second.wait_reason);
  if (live != live_jobs_.end()) *view.mutable_progress() = live->second.progress;
  if (job.settled() || job.state == v1::Job::PAUSED) return view;
  const absl::Status stored = Storage();
  if (!stored.ok()) view.set_reason(std::string(stored.message()));
  return view;
}

v1::Node Coordinator::View(const NodeRecord& node) const {
  const auto session = agents_.find(node.name);
  return ViewOfNode(node, state_,
                    session == agents_.end() ? absl::InfinitePast() : session->second.last_seen);
}

absl::StatusOr<absl::optional<v1::Job>> Coordinator::FindRequested(absl::string_view request_id,
                                                                   const std::string& digest) const {
  const ClusterState::Request* known = request_id.empty() ? nullptr : state_.FindRequest(request_id);
  if (known == nullptr) return absl::nullopt;
  if (known->digest != digest) {
    return WithReason(absl::AlreadyExistsError(absl::StrCat("request_id ", Quoted(request_id), " has made ",
                                                            known->job, " of another spec; use a fresh one")),
                      "REQUEST_ID_REUSED");
  }
  const JobRecord* job = state_.FindJob(known->job);
  if (job != nullptr) return View(*job);
  return WithReason(
      absl::NotFoundError(absl::StrCat("request_id ", Quoted(request_id), " has made ", known->job,
                                       ", which was deleted since; use a fresh one")),
      "JOB_DELETED", {{"job", known->job}});
}

absl::Status Coordinator::CheckQueueHasRoom() const {
  const int queued = std::count_if(state_.jobs().begin(), state_.jobs().end(),
                                   [](const auto& entry) { return entry.second.state == v1::Job::QUEUED; });
  if (queued < options_.max_queued_jobs) return absl::OkStatus();
  return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                        queued, " jobs are queued already, which is the most; wait until some have started")),
                    "QUEUE_FULL");
}

absl::StatusOr<v1::Job> Coordinator::CreateJob(const v1::CreateJobRequest& request) {
  PRETEXT_RETURN_IF_ERROR(CheckSizes(request));
  const std::string digest = DigestOfSpec(request.spec());
  v1::JobSpec spec = request.spec();
  const absl::Status valid = CompleteSpec(&spec);
  const absl::Status holds_none =
      spec.output().empty() ? absl::OkStatus() : CheckHoldsNoResults(spec.output());

  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(absl::optional<v1::Job> requested, FindRequested(request.request_id(), digest));
  if (requested.has_value()) return *std::move(requested);
  PRETEXT_RETURN_IF_ERROR(valid);
  PRETEXT_RETURN_IF_ERROR(ResolveJobReferences(state_, &spec));
  const std::string name = MakeJobName(state_.next_job_serial(), spec.name());
  if (spec.output().empty()) spec.set_output(OwnJobFolder(options_.state_directory, name));
  // The job that owns the folder is the better explanation of what is in it.
  PRETEXT_RETURN_IF_ERROR(CheckOutputIsFree(state_, spec.output(), /*job=*/""));
  PRETEXT_RETURN_IF_ERROR(holds_none);
  if (request.validate_only()) {
    if (request.spec().output().empty()) spec.clear_output();
    return ViewOfValidSpec(std::move(spec), clock_->Now());
  }
  PRETEXT_RETURN_IF_ERROR(CheckQueueHasRoom());
  std::vector<v1::Event> events(1);
  v1::JobSubmitted* submitted = events[0].mutable_job_submitted();
  submitted->set_job(name);
  submitted->set_uid(MakeUuid());
  *submitted->mutable_spec() = std::move(spec);
  submitted->set_request_id(request.request_id());
  submitted->set_request_digest(digest);
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  Log(LogSeverity::kInfo, "job submitted", {{"job", name}, {"name", request.spec().name()}});
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  return View(*job);
}

absl::StatusOr<v1::Job> Coordinator::GetJob(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  return View(*job);
}

std::vector<v1::Job> Coordinator::ListJobs() const {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Job> jobs;
  jobs.reserve(state_.jobs().size());
  for (const auto& [name, job] : state_.jobs()) jobs.push_back(View(job));
  std::sort(jobs.begin(), jobs.end(), [](const v1::Job& a, const v1::Job& b) {
    const absl::Time a_time = FromTimestamp(a.create_time());
    const absl::Time b_time = FromTimestamp(b.create_time());
    return std::tie(a_time, a.name()) < std::tie(b_time, b.name());
  });
  return jobs;
}

absl::StatusOr<v1::Job> Coordinator::StopFor(absl::string_view name, v1::Event wish,
                                             const std::string& reason) {
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  std::vector<v1::Event> events = {std::move(wish)};
  if (!job->ranks.empty() && !job->stop_requested) {
    v1::RankStopRequested* stop = events.emplace_back().mutable_rank_stop_requested();
    stop->set_job(job->name);
    stop->set_attempt(job->attempt);
    stop->set_reason(reason);
  }
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  Log(LogSeverity::kInfo, "job told to stop", {{"job", name}, {"reason", reason}});
  PRETEXT_ASSIGN_OR_RETURN(job, FindJob(name));
  return View(*job);
}

absl::StatusOr<v1::Job> Coordinator::CancelJob(absl::string_view name, absl::string_view reason) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  if (job->state == v1::Job::CANCELLED || job->wish == Wish::kCancel) return View(*job);
  if (job->settled()) return WrongState(*job, "cancelled");
  const std::string why = reason.empty() ? "cancelled by a person" : absl::StrCat("cancelled: ", reason);
  v1::Event wish;
  wish.mutable_job_cancel_requested()->set_job(job->name);
  wish.mutable_job_cancel_requested()->set_reason(why);
  return StopFor(name, std::move(wish), why);
}

absl::StatusOr<v1::Job> Coordinator::PauseJob(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  if (job->settled()) return WrongState(*job, "paused");
  if (job->state == v1::Job::PAUSED || job->wish == Wish::kPause) return View(*job);
  if (job->wish == Wish::kCancel) {
    return WrongState(*job, "paused", "it is being cancelled");
  }
  v1::Event wish;
  wish.mutable_job_pause_requested()->set_job(job->name);
  return StopFor(name, std::move(wish), "paused by a person");
}

absl::Status Coordinator::CheckProgressIsThere(absl::string_view name) const {
  RecordedProgress progress;
  {
    absl::MutexLock lock(&mutex_);
    const JobRecord* job = state_.FindJob(name);
    if (job != nullptr) progress = ProgressOf(*job);
  }
  return CheckIsStillThere(progress, options_.outputs_are_here);
}

absl::StatusOr<v1::Job> Coordinator::ResumeJob(absl::string_view name) {
  const absl::Status there = CheckProgressIsThere(name);
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  if (job->state != v1::Job::PAUSED) {
    return WrongState(*job, "resumed",
                      job->wish == Wish::kPause ? "call again once it has stopped"
                      : job->settled()          ? "`pretext restart` runs it again"
                                                : "only a paused job can be");
  }
  PRETEXT_RETURN_IF_ERROR(CheckOutputIsFree(state_, job->spec.output(), job->name));
  PRETEXT_RETURN_IF_ERROR(there);
  std::vector<v1::Event> events(1);
  events[0].mutable_job_resumed()->set_job(job->name);
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  PRETEXT_ASSIGN_OR_RETURN(job, FindJob(name));
  return View(*job);
}

absl::StatusOr<v1::Job> Coordinator::RestartJob(absl::string_view name, bool from_start) {
  const absl::Status there = from_start ? absl::OkStatus() : CheckProgressIsThere(name);
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  if (!job->settled()) {
    return WrongState(*job, "restarted",
                      job->state == v1::Job::PAUSED ? "`pretext resume` goes on with it"
                      : job->wish == Wish::kCancel  ? "it is being cancelled; call again once it has stopped"
                                                    : "cancel it first, or wait for its end");
  }
  PRETEXT_RETURN_IF_ERROR(CheckOutputIsFree(state_, job->spec.output(), job->name));
  PRETEXT_RETURN_IF_ERROR(there);
  std::vector<v1::Event> events(1);
  events[0].mutable_job_restarted()->set_job(job->name);
  events[0].mutable_job_restarted()->set_from_start(from_start);
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  PRETEXT_ASSIGN_OR_RETURN(job, FindJob(name));
  return View(*job);
}

absl::Status Coordinator::DeleteJob(absl::string_view name) {
  std::string output;
  {
    absl::MutexLock lock(&mutex_);
    PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
    if (!job->settled() && job->state != v1::Job::PAUSED) {
      return WrongState(
          *job, "deleted",
          job->wish == Wish::kNone ? "cancel or pause it first" : "call again once it has stopped");
    }
    output = job->spec.output();
    std::vector<v1::Event> events(1);
    events[0].mutable_job_deleted()->set_job(job->name);
    PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  }
  // The job is gone for good from here on. What cannot be removed is left behind and named in the log.
  const std::string job(name);
  for (const absl::Status& status :
       {telemetry_->Delete(job), RemoveOwnJobFolder(options_.state_directory, job, output)}) {
    if (!status.ok())
      Log(LogSeverity::kWarning, "remains of a job left", {{"job", job}, {"why", status.message()}});
  }
  Log(LogSeverity::kInfo, "job deleted", {{"job", job}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Checkpoint>> Coordinator::ListCheckpoints(absl::string_view name) const {
  absl::MutexLock lock(&mutex_);
  PRETEXT_ASSIGN_OR_RETURN(const JobRecord* job, FindJob(name));
  return std::vector<v1::Checkpoint>(job->checkpoints.rbegin(), job->checkpoints.rend());
}

std::vector<v1::Node> Coordinator::ListNodes() const {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Node> nodes;
  for (const auto& [name, node] : state_.nodes()) nodes.push_back(View(node));
  return nodes;
}

absl::StatusOr<v1::Node> Coordinator::SetDraining(absl::string_view name, bool draining) {
  absl::MutexLock lock(&mutex_);
  const NodeRecord* node = state_.FindNode(name);
  if (node == nullptr) {
    return NoSuchNode(name);
  }
  if (node->draining == draining) {
    if (draining) return View(*node);
    return WithReason(absl::FailedPreconditionError(absl::StrCat(name, " is not draining")), "NODE_STATE");
  }
  std::vector<v1::Event> events(1);
  events[0].mutable_node_drain_changed()->set_node(node->name);
  events[0].mutable_node_drain_changed()->set_draining(draining);
  PRETEXT_RETURN_IF_ERROR(Commit(std::move(events)));
  Log(LogSeverity::kInfo, draining ? "node draining" : "node in use again", {{"node", name}});
  return View(*state_.FindNode(name));
}

}  // namespace pretext
