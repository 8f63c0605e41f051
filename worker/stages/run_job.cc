#include "worker/stages/run_job.h"

#include <ATen/Parallel.h>
#include <malloc.h>

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/checkpoint/export_weights.h"
#include "worker/checkpoint/whole_file.h"
#include "worker/dist/guarded.h"
#include "worker/stages/evaluate_stage.h"
#include "worker/stages/finetune_stage.h"
#include "worker/stages/pretrain_stage.h"
#include "worker/stages/resume_point.h"
#include "worker/stages/stage_result.h"
#include "worker/train/dataset_cache.h"
#include "worker/train/stage_run.h"

namespace pretext {
namespace {

// Data that the stages from `first` on may still use.
std::vector<v1::DataSpec> DataOfStages(const v1::JobSpec& spec, int first) {
  std::vector<v1::DataSpec> wanted = {spec.data()};
  for (int i = first; i < spec.stages_size(); ++i) {
    const v1::Stage& stage = spec.stages(i);
    if (stage.has_pretrain()) {
      wanted.insert(wanted.end(), {stage.pretrain().data(), stage.pretrain().probe().data()});
    }
    if (stage.has_finetune()) {
      const v1::FinetuneStage& finetune = stage.finetune();
      wanted.insert(wanted.end(), {finetune.data(), finetune.test(), finetune.unlabelled().data()});
    }
    if (stage.has_evaluate()) wanted.insert(wanted.end(), {stage.evaluate().data(), stage.evaluate().test()});
  }
  return wanted;
}

void ResolveThreads(const JobRun& run, ResolvedSpec* resolved) {
  v1::Resources resources = run.spec.resources();
  std::vector<ResolvedField> fields;
  if (!resources.has_threads())
    fields.push_back({"threads", "from the machine: the rank's share of its cores"});
  if (!resources.has_data_threads()) {
    fields.push_back({"data_threads", "from the machine: the rank's share of its cores"});
  }
  resources.set_threads(run.threads);
  resources.set_data_threads(run.data_threads);
  resolved->SetResources(resources, fields);
}

// Lets the allocator keep what a step frees for the next one, instead of having the system clear the same
// pages each time, which takes a tenth of the time of steps on small pictures.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // glibc's highest
  mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
}

absl::StatusOr<StageResult> RunStage(const StageRun& run) {
  switch (run.stage().kind_case()) {
    case v1::Stage::kPretrain:
      return RunPretrainStage(run);
    case v1::Stage::kFinetune:
      return RunFinetuneStage(run);
    case v1::Stage::kEvaluate:
      return RunEvaluateStage(run);
    case v1::Stage::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "stage ", run.name(), " says nothing to do; it must be one of pretrain, finetune and evaluate"));
}

// What earlier runs of this job left of the stages that begin anew: nobody is to take it for what this one
// finds.
absl::Status ForgetStagesThatBegin(const JobRun& run, const std::string& digest, const ResumePoint& begin) {
  const std::string& output = run.spec.output();
  const bool goes_on = begin.checkpoint.has_value();
  if (begin.first_stage == 0 && !goes_on) {
    PRETEXT_RETURN_IF_ERROR(ForgetExport(output, "backbone", digest));
  }
  for (int i = begin.first_stage + (goes_on ? 1 : 0); i < run.spec.stages_size(); ++i) {
    PRETEXT_RETURN_IF_ERROR(ForgetStage(output, run.spec.stages(i).name(), digest));
  }
  return absl::OkStatus();
}

absl::Status RunStages(const JobRun& run) {
  const std::string digest = DigestOfJob(run.spec);
  if (run.process_group->rank() == 0) PRETEXT_RETURN_IF_ERROR(MakeFolders(run.spec.output()));
  PRETEXT_ASSIGN_OR_RETURN(ResumePoint begin, AgreeOnResumePoint(run, digest));
  if (run.process_group->rank() == 0) PRETEXT_RETURN_IF_ERROR(ForgetStagesThatBegin(run, digest, begin));
  ResolvedSpec resolved(run.spec);
  ResolveThreads(run, &resolved);
  DatasetCache datasets;
  for (int i = 0; i < begin.first_stage; ++i) run.reporter->FinishStage(run.spec.stages(i).name());
  for (int i = begin.first_stage; i < run.spec.stages_size(); ++i) {
    datasets.ForgetAllBut(DataOfStages(run.spec, i));
    StageRun stage;
    stage.job = &run;
    stage.index = i;
    stage.job_digest = digest;
    stage.datasets = &datasets;
    stage.resolved = &resolved;
    if (i == begin.first_stage) stage.restored = std::move(begin.checkpoint);
    PRETEXT_ASSIGN_OR_RETURN(StageResult result, RunStage(stage));
    result.stage = stage.name();
    result.job_digest = digest;
    result.seed = run.spec.seed();
    result.attempt = run.attempt;
    if (stage.is_first_rank()) PRETEXT_RETURN_IF_ERROR(WriteStageResult(stage.output(), result));
    // The others read what rank 0 wrote.
    PRETEXT_RETURN_IF_ERROR(run.process_group->Barrier());
    run.reporter->FinishStage(stage.name());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunJob(const JobRun& run) {
  at::set_num_threads(run.threads);
  KeepFreedMemory();
  return Guarded([&run] { return RunStages(run); });
}

}  // namespace pretext
