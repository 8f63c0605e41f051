#include "client/render/job_feed.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/render/alarm_text.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "client/render/stage_results.h"
#include "proto/cpp/job_state.h"

namespace pretext {
namespace {

std::string WithReason(absl::string_view what, const v1::Job& job) {
  const std::string reason = OneLine(job.reason());
  if (reason.empty()) return std::string(what);
  // "paused: paused by a person" says it twice.
  return absl::StartsWith(reason, what) ? reason : absl::StrCat(what, ": ", reason);
}

bool HasFailure(const v1::Job& job) { return job.has_failure() && job.failure().attempt() > 0; }

}  // namespace

std::string StateText(v1::Job::State state) {
  const std::string& name = v1::Job::State_Name(state);
  return name.empty() ? absl::StrCat("STATE ", static_cast<int>(state)) : name;
}

std::string FailureText(const v1::Failure& failure) {
  const std::string& cause = v1::Failure::Cause_Name(failure.cause());
  std::string text = cause.empty() || failure.cause() == v1::Failure::CAUSE_UNSPECIFIED ? "failed" : cause;
  absl::StrAppend(&text, ": ", OneLine(failure.message()));
  if (failure.message().empty()) absl::StrAppend(&text, "no cause was reported");
  return text;
}

FeedStep JobFeed::Update(const v1::Job& job, absl::Time now, const LineStyle& style) {
  FeedStep step;
  if (away_) step.lines.push_back("the coordinator is back");
  away_ = false;
  if (!began_ || job.state() != last_.state()) state_since_ = now;
  FindAlarms(job, &step);
  FindFinishedStages(job, &step);
  FindChanges(job, &step);
  step.live = Live(job, now, style);
  began_ = true;
  last_ = job;
  return step;
}

void JobFeed::FindAlarms(const v1::Job& job, FeedStep* step) {
  for (const v1::Alarm& alarm : job.alarms()) {
    const auto is_it = [&alarm](const v1::Alarm& told) {
      return told.kind() == alarm.kind() && told.stage() == alarm.stage() && told.task() == alarm.task();
    };
    if (std::any_of(last_.alarms().begin(), last_.alarms().end(), is_it)) continue;
    step->lines.push_back(absl::StrCat("warning: ", AlarmText(alarm)));
    if (!alarm.advice().empty()) step->lines.push_back(absl::StrCat("         ", AdviceText(alarm)));
  }
}

void JobFeed::FindFinishedStages(const v1::Job& job, FeedStep* step) {
  // A job that starts again works on an earlier stage: nothing is told twice.
  const int finished = job.state() == v1::Job::SUCCEEDED ? job.spec().stages_size() : StageIndex(job);
  for (; stages_told_ < finished; ++stages_told_) step->finished_stages.push_back(stages_told_);
}

void JobFeed::FindChanges(const v1::Job& job, FeedStep* step) {
  const bool new_failure =
      HasFailure(job) && (!HasFailure(last_) || job.failure().attempt() != last_.failure().attempt());
  if (began_ && new_failure && !IsSettled(job.state())) {
    step->lines.push_back(absl::StrCat(
        "attempt ", job.failure().attempt(), " ended: ", FailureText(job.failure()),
        "; it is tried again (restart ", job.restarts(), " of ", job.spec().max_restarts(), ")"));
  }
  if (began_ && job.attempt() > 1 && job.attempt() != last_.attempt()) {
    step->lines.push_back(absl::StrCat("attempt ", job.attempt(), " begins"));
  }
  const bool new_state = !began_ || job.state() != last_.state();
  if (!new_state && job.state() == v1::Job::RUNNING && job.reason() != last_.reason() &&
      !job.reason().empty())
    step->lines.push_back(OneLine(job.reason()));
  if (new_state && job.state() == v1::Job::STOPPING) step->lines.push_back(WithReason("stopping", job));
  if (new_state && job.state() == v1::Job::PAUSED) {
    step->lines.push_back(
        absl::StrCat(WithReason("paused", job), "; `pretext resume ", job.name(), "` goes on"));
  }
}

std::string JobFeed::Live(const v1::Job& job, absl::Time now, const LineStyle& style) {
  const auto waited = [&](std::string text) {
    const absl::Duration duration = now - state_since_;
    if (duration >= absl::Seconds(1)) absl::StrAppend(&text, "  (", DurationText(duration), ")");
    return style.width > 0 ? CutTo(text, style.width) : text;
  };
  const auto waiting = [&](absl::string_view what) { return waited(WithReason(what, job)); };
  switch (job.state()) {
    case v1::Job::RUNNING:
      return job.progress().stage().empty() ? waiting("running") : ProgressLine(job, style);
    case v1::Job::SUCCEEDED:
    case v1::Job::FAILED:
    case v1::Job::CANCELLED:
      return "";
    case v1::Job::STOPPING:
    case v1::Job::PAUSED:
      // Why stands in the line above; only a terminal shows for how long.
      return style.bar ? waited(absl::AsciiStrToLower(StateText(job.state()))) : "";
    default:
      return waiting(absl::AsciiStrToLower(StateText(job.state())));
  }
}

FeedStep JobFeed::Away(absl::Time since, absl::Time now) {
  FeedStep step;
  if (!away_) step.lines.push_back("the coordinator is away; the job goes on, and this tries again");
  away_ = true;
  step.live = absl::StrCat("coordinator away for ", DurationText(now - since), ", trying again");
  return step;
}

}  // namespace pretext
