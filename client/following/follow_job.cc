#include "client/following/follow_job.h"

#include <algorithm>
#include <deque>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/following/job_end.h"
#include "client/following/live_screen.h"
#include "client/render/job_feed.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/render/stage_results.h"
#include "client/session/exit_codes.h"
#include "proto/cpp/job_state.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr absl::Duration kPeriod = absl::Milliseconds(400);
constexpr absl::Duration kDocumentPeriod = absl::Seconds(10);
constexpr int kFirstLogLines = 200;  // of a job that has run for a while
constexpr int kMostWarnings = 20;

int ExitCodeOf(const v1::Job& job) {
  switch (job.state()) {
    case v1::Job::SUCCEEDED:
      return kExitOk;
    case v1::Job::CANCELLED:
      return kExitJobCancelled;
    default:
      return kExitJobFailed;
  }
}

// Shows one job, however often it is told how it stands.
class JobView {
 public:
  virtual ~JobView() = default;
  virtual void Show(const v1::Job& job, absl::Time now) = 0;
  virtual void ShowAway(absl::Time since, absl::Time now) = 0;
  virtual void ShowEnd(const v1::Job& job) = 0;
  virtual void ShowDetached(const std::string& name) = 0;
};

// For people.
class TextView final : public JobView {
 public:
  TextView(const Reached& coordinator, CommandContext* context)
      : coordinator_(coordinator), context_(*context), screen_(context->out, context->out_is_terminal) {}

  void Show(const v1::Job& job, absl::Time now) override {
    const LineStyle style = {context_.terminal_width(), context_.out_is_terminal, context_.utf8};
    const FeedStep step = feed_.Update(job, now, style);
    for (const auto& [name, value] : job.progress().metrics()) newest_[name] = value;
    std::vector<std::string> lines = NewWarnings(job);
    lines.insert(lines.end(), step.lines.begin(), step.lines.end());
    for (const int index : step.finished_stages) lines.push_back(StageLine(job, index));
    screen_.Show(lines, step.live, absl::StrCat(job.state(), " ", job.attempt(), " ", job.progress().stage()),
                 now);
  }

  void ShowAway(absl::Time since, absl::Time now) override {
    const FeedStep step = feed_.Away(since, now);
    screen_.Show(step.lines, step.live, "away", now);
  }

  void ShowEnd(const v1::Job& job) override {
    screen_.Close();
    if (warnings_ > kMostWarnings) {
      *context_.out << "... and " << warnings_ - kMostWarnings << " more warnings: pretext logs "
                    << job.name() << "\n";
    }
    *context_.out << JobEndText(job, coordinator_) << std::flush;
  }

  void ShowDetached(const std::string& name) override {
    screen_.Close();
    *context_.out << "\nThe job goes on. To see it again: pretext watch " << name
                  << "\n                  To end it:       pretext cancel " << name << std::endl;
  }

 private:
  std::string StageLine(const v1::Job& job, int index) {
    const v1::Stage& stage = job.spec().stages(index);
    const std::string count =
        job.spec().stages_size() > 1 ? absl::StrCat("[", index + 1, "/", job.spec().stages_size(), "] ") : "";
    return absl::StrCat(count, OneLine(stage.name()),
                        " done: ", ReadStageResult(job, index, newest_, coordinator_.client));
  }

  // A line for each warning and error that its ranks have written since the last look, but for what the job's
  // end is about to say.
  std::vector<std::string> NewWarnings(const v1::Job& job) {
    std::vector<std::string> lines;
    v1::TailLogsRequest request;
    request.set_name(job.name());
    request.set_cursor(log_cursor_);
    if (log_cursor_ == 0) request.set_last(kFirstLogLines);
    const auto take = [&](const v1::TailLogsResponse& response) {
      for (const v1::LogLine& line : response.lines()) {
        if (line.severity() < v1::LogLine::WARNING) continue;
        if (job.state() == v1::Job::FAILED && absl::StrContains(job.reason(), line.text())) continue;
        if (++warnings_ > kMostWarnings) continue;
        const char* what = line.severity() == v1::LogLine::WARNING ? "warning" : "error";
        lines.push_back(absl::StrCat(what, " of rank ", line.rank(), ": ", OneLine(line.text())));
      }
      log_cursor_ = response.cursor();
      return true;
    };
    // What could not be read now comes with the next look.
    coordinator_.client->TailLogs(request, take).status().IgnoreError();
    return lines;
  }

  const Reached coordinator_;
  CommandContext& context_;
  LiveScreen screen_;
  JobFeed feed_;
  MetricValues newest_;
  int64_t log_cursor_ = 0;
  int warnings_ = 0;
};

// For programs: a document when state, attempt, stage, alarms or reason changed, and every ten seconds.
class DocumentView final : public JobView {
 public:
  DocumentView(OutputFormat format, std::ostream* out)
      : writer_(out, format == OutputFormat::kYaml ? MessageWriter::Form::kYamlList
                                                   : MessageWriter::Form::kJsonLines) {}

  void Show(const v1::Job& job, absl::Time now) override {
    const std::string topic = absl::StrCat(job.state(), " ", job.attempt(), " ", job.progress().stage(), " ",
                                           job.alarms_size(), " ", job.reason());
    if (topic == topic_ && now - written_ < kDocumentPeriod) return;
    topic_ = topic;
    written_ = now;
    writer_.Add(job);
  }
  void ShowAway(absl::Time, absl::Time) override {}
  void ShowEnd(const v1::Job&) override { writer_.Finish(); }
  void ShowDetached(const std::string&) override { writer_.Finish(); }

 private:
  MessageWriter writer_;
  std::string topic_;
  absl::Time written_ = absl::InfinitePast();
};

absl::StatusOr<int> Follow(const std::string& name, const Reached& coordinator, JobView* view,
                           CommandContext& context) {
  absl::Time last_seen = context.clock->Now();
  while (true) {
    const absl::StatusOr<v1::Job> job = coordinator.client->GetJob(name);
    const absl::Time now = context.clock->Now();
    if (job.ok()) {
      last_seen = now;
      view->Show(*job, now);
      if (IsSettled(job->state())) {
        view->ShowEnd(*job);
        return ExitCodeOf(*job);
      }
    } else if (ExitCodeFor(job.status()) != kExitUnreachable) {
      return job.status();
    } else if (now - last_seen >= kFollowPatience) {
      return absl::UnavailableError(absl::StrCat(
          job.status().message(), "; ", name, " goes on without it. To see it again: pretext watch ", name));
    } else {
      view->ShowAway(last_seen, now);
    }
    if (!context.wait(kPeriod)) {
      view->ShowDetached(name);
      return kExitInterrupted;
    }
  }
}

}  // namespace

absl::StatusOr<int> FollowJob(const std::string& name, OutputFormat format, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kPollPatience));
  context.catch_interrupts();
  if (format == OutputFormat::kTable) {
    TextView view(coordinator, &context);
    return Follow(name, coordinator, &view, context);
  }
  DocumentView view(format, context.out);
  return Follow(name, coordinator, &view, context);
}

}  // namespace pretext
