#include "worker/stages/pretrain_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/losses/feature_statistics.h"

namespace pretext {
namespace {

// Gives a module's buffers back the values they had, unseen by the graphs of other tasks, whose backward pass
// does not need what changes here.
class KeepBuffers {
 public:
  explicit KeepBuffers(const torch::nn::Module& module) : buffers_(module.buffers()) {
    for (at::Tensor& buffer : buffers_) {
      buffer = buffer.variable_data();  // a version counter of its own
      kept_.push_back(buffer.clone());
    }
  }
  ~KeepBuffers() {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < buffers_.size(); ++i) buffers_[i].copy_(kept_[i]);
  }

 private:
  std::vector<at::Tensor> buffers_, kept_;
};

}  // namespace

PretrainObjective::PretrainObjective(const v1::PretrainStage& stage, int64_t steps, Backbone backbone,
                                     std::vector<WeightedTask> tasks)
    : schedule_(stage.schedule()),
      optimizer_(stage.optimizer()),
      steps_(steps),
      backbone_(std::move(backbone)),
      tasks_(std::move(tasks)) {}

std::vector<Rates> PretrainObjective::RatesAt(int64_t step) const {
  return {ScheduledRates(schedule_, optimizer_, step, steps_)};
}

absl::StatusOr<TaskOutput> PretrainObjective::LossOf(const WeightedTask& weighted, const Batch& batch) {
  Batch part;
  part.fields.assign(batch.fields.begin() + weighted.share.first_field,
                     batch.fields.begin() + weighted.share.first_field + weighted.share.field_count);
  part.indices = batch.indices;
  part.step = batch.step;
  part.micro = batch.micro;
  if (weighted.weight > 0) return weighted.task->Loss(part);
  at::NoGradGuard no_grad;
  KeepBuffers keep(*backbone_);
  return weighted.task->Loss(part);
}

absl::StatusOr<BatchLoss> PretrainObjective::Loss(const Batch& batch) {
  BatchLoss sum;
  bool has_spread = false;
  for (const WeightedTask& weighted : tasks_) {
    PRETEXT_ASSIGN_OR_RETURN(const TaskOutput output, LossOf(weighted, batch));
    if (weighted.weight > 0) {
      const at::Tensor loss = weighted.weight == 1 ? output.loss : output.loss * weighted.weight;
      sum.loss = sum.loss.defined() ? sum.loss + loss : loss;
    }
    sum.values.emplace_back(weighted.name + "_loss", output.loss.detach());
    for (const auto& [name, value] : output.metrics) {
      sum.values.emplace_back(absl::StrCat(weighted.name, "_", name), value);
    }
    if (!has_spread && output.features.defined() && output.features.size(0) >= 2) {
      sum.values.emplace_back("feature_spread", FeatureSpread(output.features));
      has_spread = true;
    }
  }
  return sum;
}

void PretrainObjective::AfterOptimizerStep(const Step& step) {
  for (const WeightedTask& weighted : tasks_) weighted.task->AfterOptimizerStep(step);
}

NamedNumbers PretrainObjective::ChanceLosses() const {
  NamedNumbers losses = {{"chance_loss", 0}};
  for (const WeightedTask& weighted : tasks_) {
    losses[0].second += weighted.weight * weighted.task->chance_loss();
    losses.emplace_back(weighted.name + "_chance_loss", weighted.task->chance_loss());
  }
  return losses;
}

}  // namespace pretext
