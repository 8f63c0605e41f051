#include "worker/train/stage_training.h"

#include <utility>

#include "proto/cpp/status_macros.h"
#include "worker/train/norm_statistics.h"
#include "worker/train/stage_checkpoints.h"
#include "worker/train/training_loop.h"

namespace pretext {
namespace {

SamplerSpec SamplerOf(const StageRun& run, const StageTraining& training) {
  SamplerSpec sampler;
  sampler.seed = run.job->spec.seed();
  sampler.stage = static_cast<uint32_t>(run.index);
  sampler.dataset_size = training.dataset->size();
  sampler.global_batch = training.batch_size;
  sampler.accumulation = training.accumulation;
  sampler.world_size = run.job->process_group->world_size();
  sampler.rank = run.job->process_group->rank();
  return sampler;
}

StepReportOptions ReportOptions(const StageRun& run, const StageTraining& training, int64_t first_step) {
  StepReportOptions options;
  options.stage = run.name();
  options.stage_index = run.index;
  options.stage_count = run.job->spec.stages_size();
  options.rank = run.job->process_group->rank();
  options.first_step = first_step;
  options.steps = training.steps;
  options.steps_per_epoch = StepsPerEpoch(training.dataset->size(), training.batch_size);
  options.batch_size = training.batch_size;
  options.data_threads = run.job->data_threads;
  options.constants = training.objective->ChanceLosses();
  options.device = run.job->device;
  return options;
}

TrainingOptions OptionsOf(const StageRun& run, const StageTraining& training, int64_t first_step) {
  TrainingOptions options;
  options.stage = run.name();
  options.first_step = first_step;
  options.steps = training.steps;
  options.accumulation = training.accumulation;
  options.clip_norm = training.clip_norm;
  options.precision = training.precision;
  options.device = run.job->device;
  options.layout = training.layout;
  return options;
}

}  // namespace

int64_t StepsPerEpoch(int64_t pictures, int64_t batch_size) { return pictures / batch_size; }

absl::StatusOr<std::map<std::string, double>> TrainStage(const StageRun& run, const StageTraining& training) {
  StageCheckpoints checkpoints(&run, StepsPerEpoch(training.dataset->size(), training.batch_size),
                               training.modules, training.optimizer, training.facts);
  PRETEXT_ASSIGN_OR_RETURN(const int64_t first_step, checkpoints.Restore());
  run.job->reporter->BeginStage(run.name(), first_step);

  BatchLoaderOptions loading;
  loading.threads = run.job->data_threads;
  loading.first_step = first_step;
  loading.last_step = training.steps;
  loading.max_broken_share = training.max_broken_share;
  BatchLoader loader(training.dataset, SamplerOf(run, training), training.layout, training.builder, loading,
                     run.job->clock);
  StepReport report(ReportOptions(run, training, first_step), run.job->reporter, run.job->clock);
  TrainingParts parts;
  parts.objective = training.objective;
  parts.optimizer = training.optimizer;
  parts.loader = &loader;
  parts.checkpoints = &checkpoints;
  parts.report = &report;
  parts.process_group = run.job->process_group;
  parts.reporter = run.job->reporter;
  parts.observers = training.observers;
  for (const auto& [name, module] : training.modules) {
    for (const at::Tensor& tensor : NormStatistics(*module)) parts.norm_statistics.push_back(tensor);
  }
  PRETEXT_RETURN_IF_ERROR(TrainingLoop(OptionsOf(run, training, first_step), parts).Run());
  return report.newest();
}

}  // namespace pretext
