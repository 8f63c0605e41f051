#include "worker/stages/resume_point.h"

#include <ATen/ops/tensor.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_macros.h"
#include "worker/stages/stage_result.h"

namespace pretext {
namespace {

constexpr int64_t kNone = -1;

absl::Status AnotherJobs(const JobRun& run, const std::string& what) {
  return absl::FailedPreconditionError(
      absl::StrCat(run.spec.output(), " holds ", what,
                   " of a job with another specification; choose another output folder, or remove it"));
}

absl::Status ProgressGone(const JobRun& run) {
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        run.job, " was further than its beginning, but ", run.spec.output(),
                        " holds neither a checkpoint nor a result of it here; bring them back, or `pretext "
                        "restart ",
                        run.job, " --from-start` begins anew")),
                    "CHECKPOINTS_GONE", {{"job", run.job}});
}

// How many stages are done, from the first on.
absl::StatusOr<int> CountDone(const JobRun& run, const std::string& job_digest) {
  for (int i = 0; i < run.spec.stages_size(); ++i) {
    const std::string& stage = run.spec.stages(i).name();
    const absl::Status found =
        FindStageResult(run.spec.output(), stage, job_digest, run.ignore_checkpoints_up_to_attempt);
    if (found.ok()) continue;
    if (absl::IsFailedPrecondition(found)) return AnotherJobs(run, "the result of a stage");
    if (!absl::IsNotFound(found)) {
      run.reporter->Log(v1::LogLine::WARNING,
                        absl::StrCat("stage ", stage, " is done again: ", found.message()));
    }
    return i;
  }
  return run.spec.stages_size();
}

// Those of the stage, furthest first.
absl::StatusOr<std::vector<FoundCheckpoint>> FindCheckpoints(const JobRun& run, int stage,
                                                             const std::string& job_digest) {
  std::vector<std::string> faults;
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> all,
                           ListCheckpoints(run.spec.output(), run.ignore_checkpoints_up_to_attempt, &faults));
  for (const std::string& fault : faults) {
    run.reporter->Log(v1::LogLine::WARNING, absl::StrCat("checkpoint left out: ", fault));
  }
  std::vector<FoundCheckpoint> found;
  for (const FoundCheckpoint& checkpoint : all) {
    if (checkpoint.position.job_digest != job_digest) {
      return AnotherJobs(run, checkpoint.path + ", a checkpoint");
    }
    if (checkpoint.position.stage_index == stage) found.push_back(checkpoint);
  }
  return found;
}

absl::StatusOr<ResumePoint> Decide(const JobRun& run, const std::string& job_digest) {
  ResumePoint point;
  PRETEXT_ASSIGN_OR_RETURN(point.first_stage, CountDone(run, job_digest));
  if (point.first_stage == run.spec.stages_size()) return point;
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> found,
                           FindCheckpoints(run, point.first_stage, job_digest));
  std::vector<std::string> faults;
  PRETEXT_ASSIGN_OR_RETURN(point.checkpoint, ReadNewestCheckpoint(found, &faults));
  for (const std::string& fault : faults) {
    run.reporter->Log(v1::LogLine::WARNING,
                      absl::StrCat("checkpoint left out, going on from the one before: ", fault));
  }
  if (run.has_progress && point.first_stage == 0 && !point.checkpoint.has_value()) return ProgressGone(run);
  return point;
}

absl::StatusOr<ResumePoint> Follow(const JobRun& run, const std::string& job_digest, int64_t stage,
                                   int64_t step) {
  ResumePoint point;
  point.first_stage = static_cast<int>(stage);
  if (step == kNone) return point;
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<FoundCheckpoint> found,
                           FindCheckpoints(run, point.first_stage, job_digest));
  for (const FoundCheckpoint& checkpoint : found) {
    if (checkpoint.position.step != step) continue;
    PRETEXT_ASSIGN_OR_RETURN(point.checkpoint, ReadCheckpoint(checkpoint.path));
    return point;
  }
  return absl::UnavailableError(absl::StrCat(
      "rank 0 goes on from step ", step, " of stage ", run.spec.stages(point.first_stage).name(), ", but ",
      run.spec.output(),
      " has no such checkpoint here; the output folder must be shared by all machines of the gang"));
}

}  // namespace

absl::StatusOr<ResumePoint> AgreeOnResumePoint(const JobRun& run, const std::string& job_digest) {
  const bool decides = run.process_group->rank() == 0;
  absl::StatusOr<ResumePoint> decided = ResumePoint();
  std::vector<int64_t> words = {kNone, kNone};
  if (decides) {
    decided = Decide(run, job_digest);
    if (decided.ok()) {
      words = {decided->first_stage,
               decided->checkpoint.has_value() ? decided->checkpoint->position.step : kNone};
    }
  }
  const at::Tensor message = at::tensor(words).to(run.device);
  PRETEXT_RETURN_IF_ERROR(run.process_group->Broadcast(message, /*root=*/0));
  if (decides) return decided;
  const at::Tensor heard = message.to(at::kCPU);
  const int64_t stage = heard.const_data_ptr<int64_t>()[0], step = heard.const_data_ptr<int64_t>()[1];
  if (stage == kNone) {
    return WithReason(absl::UnavailableError("rank 0 found nothing to begin from and gave up"), "PEER_LOST");
  }
  return Follow(run, job_digest, stage, step);
}

}  // namespace pretext
