#include "worker/session/run_rank.h"

#include <c10/core/DeviceType.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/log.h"
#include "proto/cpp/signal_thread.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/whole_file.h"
#include "worker/dist/device.h"
#include "worker/dist/guarded.h"
#include "worker/dist/join_gang.h"
#include "worker/report/coordinator_reporter.h"
#include "worker/report/folder_reporter.h"
#include "worker/report/tee_reporter.h"
#include "worker/session/meeting_watch.h"
#include "worker/session/outcome.h"
#include "worker/session/rank_threads.h"
#include "worker/session/rendezvous.h"
#include "worker/session/stderr_reporter.h"

namespace pretext {
namespace {

// A node that is set up wrongly is no fault of the job: others may be well.
absl::Status BlameNode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kNotFound:
      return absl::UnavailableError(absl::StrCat("cannot start on this node: ", status.message()));
    default:
      return status;
  }
}

CoordinatorReporterOptions ReporterOptions(const RankSettings& settings,
                                           const v1::RankAssignment& assignment) {
  CoordinatorReporterOptions options;
  options.job = assignment.job();
  options.attempt = assignment.attempt();
  options.rank = assignment.rank();
  options.output = assignment.spec().output();
  options.retry.longest_delay = absl::Seconds(1);
  options.seed = absl::HashOf(assignment.job(), assignment.attempt(), assignment.rank());
  options.on_fenced = [&settings] { settings.end_process(kRankFenced); };
  return options;
}

// One rank's life. Its parts go in the reverse order of their making.
class RankSession {
 public:
  RankSession(const RankSettings& settings, const v1::RankAssignment& assignment)
      : settings_(settings),
        assignment_(assignment),
        made_output_(MakeFolders(assignment.spec().output())),
        channel_(MakeGrpcChannel(settings.coordinator)),
        coordinator_(ReporterOptions(settings, assignment), v1::WorkerService::NewStub(channel_),
                     settings.clock) {}

  int Run() {
    SignalThread signals({SIGTERM}, [this](int) { coordinator_.RequestStop(); });
    const absl::Status opened = OpenReporters();
    const absl::Status status = opened.ok() ? Guarded([this] { return Work(); }) : opened;
    const int exit_code = End(status);
    // Not taken apart: peers that are gone must not be waited for, and the process ends now.
    gang_.release();
    return exit_code;
  }

 private:
  absl::Status OpenReporters() {
    std::vector<Reporter*> reporters = {&stderr_, &coordinator_};
    absl::Status status = made_output_;
    if (status.ok() && assignment_.rank() == 0) {
      FolderReporterOptions options;
      options.output = assignment_.spec().output();
      options.attempt = assignment_.attempt();
      options.rank = assignment_.rank();
      options.upstream = &coordinator_;
      auto folder = FolderReporter::Open(std::move(options), settings_.clock);
      status = folder.status();
      if (folder.ok()) {
        folder_ = *std::move(folder);
        reporters.push_back(folder_.get());
      }
    }
    reporter_ = std::make_unique<TeeReporter>(std::move(reporters));
    return status;
  }

  absl::Status Work() {
    v1::Progress progress;
    progress.set_stage_count(assignment_.spec().stages_size());
    progress.set_phase("starting");
    reporter_->SetProgress(progress);
    const v1::Resources& resources = assignment_.spec().resources();
    const RankThreads threads =
        DivideThreads(resources, settings_.capacity.cores(), assignment_.local_world_size());

    JobRun run;
    run.device = c10::Device(c10::kCPU);
    const absl::Status met = Meet(&run.device);
    if (!met.ok()) return BlameNode(met);
    reporter_->Log(v1::LogLine::INFO,
                   absl::StrCat("rank ", assignment_.rank(), " of ", assignment_.world_size(), " on ",
                                settings_.node, ", attempt ", assignment_.attempt(), ": ", run.device.str(),
                                ", ", threads.compute, " compute and ", threads.data, " data threads"));
    if (!threads.warning.empty()) reporter_->Log(v1::LogLine::WARNING, threads.warning);
    run.job = assignment_.job();
    run.spec = assignment_.spec();
    run.attempt = assignment_.attempt();
    run.ignore_checkpoints_up_to_attempt = assignment_.ignore_checkpoints_up_to_attempt();
    run.has_progress = assignment_.has_progress();
    run.threads = threads.compute;
    run.data_threads = threads.data;
    run.process_group = gang_.get();
    run.reporter = reporter_.get();
    run.clock = settings_.clock;
    return settings_.run_job(run);
  }

  absl::Status Meet(c10::Device* device) {
    const bool gpu = assignment_.spec().resources().device() == v1::Resources::GPU;
    PRETEXT_ASSIGN_OR_RETURN(*device, SelectDevice(gpu ? c10::kCUDA : c10::kCPU, assignment_.device()));
    RendezvousOptions place;
    place.job = assignment_.job();
    place.attempt = assignment_.attempt();
    place.rank = assignment_.rank();
    Rendezvous rendezvous(std::move(place), v1::WorkerService::NewStub(channel_), settings_.clock);
    GangOptions options;
    options.rank = assignment_.rank();
    options.world_size = assignment_.world_size();
    options.device = *device;
    options.host = settings_.capacity.host();
    options.publish = [&](const std::string& address) { return rendezvous.Publish(address); };
    options.find = [&] { return rendezvous.Find(); };
    MeetingWatch watch(
        [this] { return coordinator_.stop_requested(); },
        [this] { settings_.end_process(End(absl::CancelledError("asked to stop before the gang had met"))); },
        settings_.clock);
    PRETEXT_ASSIGN_OR_RETURN(gang_, JoinGang(options));
    return absl::OkStatus();
  }

  // Tells how the rank ended; returns its exit code.
  int End(const absl::Status& status) {
    const RankOutcome end = OutcomeOf(status, assignment_, settings_.node);
    if (coordinator_.fenced() || end.exit_code == kRankFenced) return kRankFenced;
    if (end.outcome.kind() == v1::Outcome::FAILED) {
      reporter_->Log(v1::LogLine::ERROR, end.outcome.failure().message());
    } else {
      reporter_->Log(
          v1::LogLine::INFO,
          absl::StrCat("rank ", assignment_.rank(), status.ok() ? " has finished" : " has stopped as asked"));
    }
    // Whoever hears of the end may look at the folder at once.
    if (folder_ != nullptr) folder_->Flush();
    const absl::Status told = coordinator_.Finish(end.outcome, settings_.patience);
    if (absl::IsAborted(told)) return kRankFenced;
    if (!told.ok()) Log(LogSeverity::kWarning, "outcome not told", {{"why", told.message()}});
    return end.exit_code;
  }

  const RankSettings& settings_;
  const v1::RankAssignment& assignment_;
  const absl::Status made_output_;
  const std::shared_ptr<grpc::Channel> channel_;
  StderrReporter stderr_;
  CoordinatorReporter coordinator_;
  std::unique_ptr<FolderReporter> folder_;  // of rank 0
  std::unique_ptr<TeeReporter> reporter_;
  std::unique_ptr<ProcessGroup> gang_;
};

}  // namespace

void RankSettings::EndProcess(int exit_code) {
  std::fflush(nullptr);
  _exit(exit_code);
}

int RunRank(const RankSettings& settings, const v1::RankAssignment& assignment) {
  return RankSession(settings, assignment).Run();
}

}  // namespace pretext
