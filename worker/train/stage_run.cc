#include "worker/train/stage_run.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/tasks/normalization.h"

namespace pretext {

absl::Status StageRun::Resolved(const v1::Stage& stage, const std::vector<ResolvedField>& fields) const {
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

void StageRun::TellPhase(const std::string& phase) const {
  v1::Progress progress;
  progress.set_stage(name());
  progress.set_stage_index(index);
  progress.set_stage_count(job->spec.stages_size());
  progress.set_phase(phase);
  job->reporter->SetProgress(progress);
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

}  // namespace pretext
