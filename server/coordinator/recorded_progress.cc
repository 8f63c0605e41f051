#include "server/coordinator/recorded_progress.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/quoted_text.h"

namespace pretext {
namespace {

namespace fs = std::filesystem;

// What cannot be looked at may be there.
bool IsGone(const std::string& path) {
  std::error_code error;
  return !fs::exists(path, error) && !error;
}

// No checkpoint is in `folder`, where the worker keeps them. Hidden ones are half written.
bool HoldsNone(const fs::path& folder) {
  if (IsGone(folder)) return true;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error) && entry->path().filename().string()[0] != '.') return false;
  }
  return !error;
}

absl::Status Gone(const RecordedProgress& progress, absl::string_view what) {
  const std::string anew = absl::StrCat(
      progress.paused ? absl::StrCat("`pretext cancel ", progress.job, "` and then ") : "",
      "`pretext restart ", progress.job, " --from-start` ", progress.paused ? "begin" : "begins", " anew");
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(progress.job, " was at step ", progress.newest.step(),
                                                 " of ", Quoted(progress.newest.stage()), ", but ", what, " ",
                                                 Quoted(progress.output), "; bring it back, or ", anew)),
      "CHECKPOINTS_GONE", {{"job", progress.job}});
}

}  // namespace

RecordedProgress ProgressOf(const JobRecord& job) {
  RecordedProgress progress;
  progress.job = job.name;
  progress.paused = job.state == v1::Job::PAUSED;
  progress.output = job.spec.output();
  for (const v1::Checkpoint& checkpoint : job.checkpoints) {
    if (checkpoint.attempt() > job.ignore_checkpoints_up_to_attempt) progress.newest = checkpoint;
  }
  progress.finished_a_stage = !job.finished_stages.empty();
  return progress;
}

absl::Status CheckIsStillThere(const RecordedProgress& progress, bool outputs_are_here) {
  if (progress.empty()) return absl::OkStatus();
  if (IsGone(progress.output)) {
    return outputs_are_here ? Gone(progress, "there is no folder") : absl::OkStatus();
  }
  // A finished stage needs no checkpoint any more: the next one begins with its results.
  if (progress.finished_a_stage) return absl::OkStatus();
  const fs::path folder = fs::path(progress.newest.path()).parent_path();
  return HoldsNone(folder) ? Gone(progress, "its checkpoints are gone from") : absl::OkStatus();
}

}  // namespace pretext
