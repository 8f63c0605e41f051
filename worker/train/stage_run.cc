#include "worker/train/stage_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/tasks/normalization.h"
#include "worker/train/precision.h"

namespace pretext {
namespace {

constexpr size_t kNamedFiles = 5;  // of those passed over

}  // namespace

absl::Status StageRun::RecordResolved(const v1::Stage& stage,
                                      const std::vector<ResolvedField>& fields) const {
  resolved->SetStage(index, stage, fields);
  return is_first_rank() ? resolved->Write(output() + "/job.yaml") : absl::OkStatus();
}

WeightsCard StageRun::CardOf(const BackboneOptions& network, int image_size, const std::string& task) const {
  const Normalization normalization = NormalizationFor(network.in_channels);
  WeightsCard card;
  card.backbone = network;
  card.mean = normalization.mean;
  card.std = normalization.std;
  card.image_size = image_size;
  card.task = task;
  card.job_digest = job_digest;
  return card;
}

absl::StatusOr<v1::Precision> StageRun::ChoosePrecision() const {
  v1::Precision before = v1::PRECISION_UNSPECIFIED;
  if (restored.has_value() && restored->facts.contains("precision") &&
      v1::Precision_Parse(restored->facts["precision"].get<std::string>(), &before)) {
    return before;
  }
  return AgreeOnPrecision(FasterPrecision(job->device.type(), CpuFlags()), *job->process_group, job->device);
}

void StageRun::TellPhase(const std::string& phase, int64_t done, int64_t of) const {
  v1::Progress progress;
  progress.set_stage(name());
  progress.set_stage_index(index);
  progress.set_stage_count(job->spec.stages_size());
  progress.set_phase(phase);
  progress.set_step(std::min(done, of));
  progress.set_steps(of);
  job->reporter->SetProgress(progress);
}

void StageRun::LogData(const std::string& what, const DatasetFacts& facts) const {
  std::string text = absl::StrCat("stage ", name(), ": ", what, " has ", facts.pictures,
                                  facts.channels == 1 ? " grey" : " colour", " pictures, ",
                                  facts.median_width, " x ", facts.median_height, " the median");
  if (!facts.per_class.empty()) {
    absl::StrAppend(&text, ", ", facts.labelled, " labelled in ", facts.per_class.size(), " classes");
  }
  LogOnce(text);
  if (facts.ignored.empty()) return;
  const size_t shown = std::min<size_t>(facts.ignored.size(), kNamedFiles);
  WarnOnce(absl::StrCat("stage ", name(), ": ", facts.ignored.size(),
                        facts.ignored.size() == 1 ? " file is no picture and was passed over: "
                                                  : " files are no pictures and were passed over: ",
                        absl::StrJoin(facts.ignored.begin(), facts.ignored.begin() + shown, "; "),
                        shown < facts.ignored.size() ? "; ..." : ""));
}

void StageRun::AddMetrics(int64_t step, const NamedNumbers& metrics) const {
  if (!is_first_rank()) return;
  std::vector<std::pair<std::string, double>> named;
  for (const auto& [metric, value] : metrics) named.emplace_back(absl::StrCat(name(), "/", metric), value);
  job->reporter->AddMetrics(step, named);
}

void StageRun::LogOnce(const std::string& text) const {
  if (is_first_rank()) job->reporter->Log(v1::LogLine::INFO, text);
}

void StageRun::WarnOnce(const std::string& text) const {
  if (is_first_rank()) job->reporter->Log(v1::LogLine::WARNING, text);
}

}  // namespace pretext
