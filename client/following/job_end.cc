#include "client/following/job_end.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/render/job_feed.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

constexpr int kLastWords = 15;

std::string TookText(const v1::Job& job) {
  if (!job.has_start_time() || !job.has_end_time()) return "";
  return absl::StrCat(" after ",
                      DurationText(FromTimestamp(job.end_time()) - FromTimestamp(job.start_time())));
}

bool HasStage(const v1::Job& job, v1::Stage::KindCase kind) {
  return std::any_of(job.spec().stages().begin(), job.spec().stages().end(),
                     [&](const v1::Stage& stage) { return stage.kind_case() == kind; });
}

// Paths below the job's output folder.
std::vector<std::string> ExportedWeights(const v1::Job& job, CoordinatorClient* client) {
  std::vector<std::string> paths;
  const absl::StatusOr<v1::ListArtifactsResponse> artifacts = client->ListArtifacts(job.name());
  if (!artifacts.ok()) return paths;
  for (const v1::Artifact& artifact : artifacts->artifacts()) {
    if (absl::StartsWith(artifact.path(), "exported/") && absl::EndsWith(artifact.path(), ".safetensors"))
      paths.push_back(artifact.path());
  }
  return paths;
}

// Names what the job is for, the classifier of a job that only fine-tunes or else the backbone, and says how
// many other files lie beside it.
std::string WeightsText(const v1::Job& job, const std::vector<std::string>& paths) {
  if (paths.empty()) return "";
  std::string wanted = "exported/backbone.safetensors";
  for (const v1::Stage& stage : job.spec().stages()) {
    if (stage.has_finetune() && !HasStage(job, v1::Stage::kPretrain))
      wanted = absl::StrCat("exported/", stage.name(), ".safetensors");
  }
  const auto found = std::find(paths.begin(), paths.end(), wanted);
  const std::string& path = found != paths.end() ? *found : paths.front();
  std::string text = absl::StrCat("Weights  ", ShellWord(OneLine(absl::StrCat(job.output(), "/", path))),
                                  "  (torchvision's names)\n");
  if (paths.size() > 1)
    absl::StrAppend(&text, "         and ", paths.size() - 1,
                    paths.size() == 2 ? " other file" : " other files", " beside it\n");
  return text;
}

std::string SuccessText(const v1::Job& job, const Reached& coordinator) {
  const std::string out = ShellWord(OneLine(job.output()));
  const std::string from = coordinator.embedded ? out : job.name();
  std::string text = absl::StrCat(job.name(), " succeeded", TookText(job), "\n\n");
  const bool trained = HasStage(job, v1::Stage::kPretrain) || HasStage(job, v1::Stage::kFinetune);
  if (trained) {
    absl::StrAppend(&text, WeightsText(job, ExportedWeights(job, coordinator.client)));
    absl::StrAppend(&text, "Curves   ", out, "/plots/  and  tensorboard --logdir ", out, "\n");
  } else {
    absl::StrAppend(&text, "Results  ", out, "/results/\n");
  }
  std::vector<std::string> next;
  if (HasStage(job, v1::Stage::kPretrain)) {
    if (!HasStage(job, v1::Stage::kFinetune))
      next.push_back(absl::StrCat("pretext finetune --data LABELLED --from ", from));
    if (!HasStage(job, v1::Stage::kEvaluate))
      next.push_back(absl::StrCat("pretext evaluate --data LABELLED --from ", from));
  }
  next.push_back(absl::StrCat("pretext metrics ", job.name()));
  if (!coordinator.embedded && trained)
    next.push_back(absl::StrCat("pretext download ", job.name(), " exported"));
  for (size_t i = 0; i < next.size(); ++i)
    absl::StrAppend(&text, i == 0 ? "Next     " : "         ", next[i], "\n");
  return text;
}

// The last lines of the rank that failed first.
std::string LastWords(const v1::Job& job, CoordinatorClient* client) {
  if (!job.has_failure() || job.failure().rank() < 0) return "";
  v1::TailLogsRequest request;
  request.set_name(job.name());
  request.set_rank(job.failure().rank());
  if (job.failure().attempt() > 0) request.set_attempt(job.failure().attempt());
  request.set_last(kLastWords);
  std::string lines;
  const auto take = [&](const v1::TailLogsResponse& response) {
    for (const v1::LogLine& line : response.lines())
      absl::StrAppend(&lines, "  ", OneLine(line.text()), "\n");
    return true;
  };
  if (!client->TailLogs(request, take).ok() || lines.empty()) return "";
  return absl::StrCat("Last words of rank ", job.failure().rank(), ":\n", lines, "\n");
}

std::string FailureEndText(const v1::Job& job, const Reached& coordinator) {
  std::string text = absl::StrCat(job.name(), " failed", TookText(job));
  if (job.attempt() > 1) absl::StrAppend(&text, ", in attempt ", job.attempt());
  if (!job.reason().empty()) absl::StrAppend(&text, ": ", OneLine(job.reason()));
  absl::StrAppend(&text, "\n");
  if (job.has_failure() && !absl::StrContains(job.reason(), job.failure().message()))
    absl::StrAppend(&text, FailureText(job.failure()), "\n");
  // A job that cannot work as written has said why; what its ranks said before does not help, nor does
  // running it again as it is.
  const bool as_written =
      job.failure().cause() == v1::Failure::SPEC || job.failure().cause() == v1::Failure::DATA;
  absl::StrAppend(&text, "\n", as_written ? "" : LastWords(job, coordinator.client));
  absl::StrAppend(&text, "Results so far  ", ShellWord(OneLine(job.output())), "\n");
  absl::StrAppend(&text, "Next            pretext logs ", job.name(), "\n");
  // Without its checkpoints the job has said what to do; to restart it from them would be refused.
  if (absl::StrContains(job.reason(), "--from-start")) return text;
  absl::StrAppend(&text, "                ",
                  as_written ? "mend what is said above and submit it as a new job"
                             : absl::StrCat("pretext restart ", job.name(), "  (from its newest checkpoint)"),
                  "\n");
  return text;
}

}  // namespace

MetricValues ReadMetrics(const std::string& job, const std::vector<std::string>& metrics,
                         CoordinatorClient* client) {
  v1::StreamMetricsRequest request;
  request.set_name(job);
  request.set_newest_attempt_only(true);
  for (const std::string& metric : metrics) request.add_metrics(metric);
  MetricValues values;
  const auto take = [&](const v1::StreamMetricsResponse& response) {
    for (const v1::MetricPoint& point : response.points()) values[point.metric()] = point.value();
    return true;
  };
  client->StreamMetrics(request, take).status().IgnoreError();
  return values;
}

std::string ReadStageResult(const v1::Job& job, int index, const MetricValues& newest,
                            CoordinatorClient* client) {
  const v1::Stage& stage = job.spec().stages(index);
  MetricValues values = ReadMetrics(job.name(), ResultMetrics(stage), client);
  values.insert(newest.begin(), newest.end());
  if (values.count(absl::StrCat(stage.name(), "/loss")) == 0) {
    // It was over before its progress was seen.
    values.merge(ReadMetrics(job.name(), LossMetrics(stage), client));
  }
  return StageResult(stage, values);
}

std::string JobEndText(const v1::Job& job, const Reached& coordinator) {
  switch (job.state()) {
    case v1::Job::SUCCEEDED:
      return SuccessText(job, coordinator);
    case v1::Job::CANCELLED:
      return absl::StrCat(job.name(), " was cancelled", TookText(job), job.reason().empty() ? "" : ": ",
                          OneLine(job.reason()), "\n",
                          job.attempt() == 0
                              ? "It never ran.\n"
                              : absl::StrCat("Results so far  ", ShellWord(OneLine(job.output())), "\n"),
                          "Next            pretext restart ", job.name(),
                          job.attempt() == 0 ? "\n" : "  (from its newest checkpoint)\n");
    default:
      return FailureEndText(job, coordinator);
  }
}

}  // namespace pretext
