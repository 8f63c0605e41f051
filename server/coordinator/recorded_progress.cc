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

// Whether a checkpoint's folder, {stage}-{step}, is one of a stage that is finished.
bool IsOfFinishedStage(const std::string& name, const std::set<std::string>& finished_stages) {
  return finished_stages.count(name.substr(0, name.rfind('-'))) > 0;
}

// No checkpoint that is still of use is in `folder`, where the worker keeps them. Hidden ones are half
// written.
bool HoldsNone(const fs::path& folder, const std::set<std::string>& finished_stages) {
  if (IsGone(folder)) return true;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name[0] == '.' || IsOfFinishedStage(name, finished_stages)) continue;
    if (entry->is_directory(error)) return false;
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
  if (const v1::Checkpoint* newest = job.newest_checkpoint()) progress.newest = *newest;
  progress.finished_stages = job.finished_stages;
  return progress;
}

absl::Status CheckIsStillThere(const RecordedProgress& progress, bool outputs_are_here) {
  if (progress.empty()) return absl::OkStatus();
  if (IsGone(progress.output)) {
    return outputs_are_here ? Gone(progress, "there is no folder") : absl::OkStatus();
  }
  // A finished stage needs no checkpoint any more: the next one begins with its results.
  if (progress.finished_stages.count(progress.newest.stage()) > 0) return absl::OkStatus();
  const fs::path folder = fs::path(progress.newest.path()).parent_path();
  return HoldsNone(folder, progress.finished_stages) ? Gone(progress, "its checkpoints are gone from")
                                                     : absl::OkStatus();
}

}  // namespace pretext
