#include "worker/stages/pretrain_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/losses/feature_statistics.h"
#include "worker/stages/gradient_norm.h"
#include "worker/train/detailed_step.h"

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

// Nothing, with a gradient of zeros for every trained parameter of `module`: data-parallel training waits for
// one of each.
at::Tensor ZeroOf(const torch::nn::Module& module) {
  at::Tensor zero = at::zeros({});
  for (const at::Tensor& parameter : module.parameters()) {
    if (parameter.requires_grad()) zero = zero.to(parameter.device()) + parameter.sum() * 0;
  }
  return zero;
}

// The first step in which one of the tasks that count has a loss.
int64_t FirstLoss(const std::vector<WeightedTask>& tasks, int64_t steps) {
  int64_t first = steps;
  for (const WeightedTask& weighted : tasks) {
    if (weighted.weight > 0) first = std::min(first, weighted.task->preparing_steps());
  }
  return first;
}

}  // namespace

Batch PartOf(const Batch& batch, const CombinedViewBuilder::Share& share) {
  Batch part;
  const auto first = batch.fields.begin() + share.first_field;
  part.fields.assign(first, first + share.field_count);
  part.indices = batch.indices;
  part.step = batch.step;
  part.micro = batch.micro;
  return part;
}

PretrainObjective::PretrainObjective(const v1::PretrainStage& stage, int64_t steps, Backbone backbone,
                                     std::vector<WeightedTask> tasks,
                                     std::unique_ptr<Consistency> consistency,
                                     std::shared_ptr<LearntWeights> weights)
    : schedule_(stage.schedule()),
      optimizer_(stage.optimizer()),
      steps_(steps),
      first_loss_(FirstLoss(tasks, steps)),
      backbone_(std::move(backbone)),
      tasks_(std::move(tasks)),
      consistency_(std::move(consistency)),
      weights_(std::move(weights)) {}

std::vector<Rates> PretrainObjective::RatesAt(int64_t step) const {
  if (step < first_loss_) return {{0, optimizer_.momentum()}};
  return {ScheduledRates(schedule_, optimizer_, step - first_loss_, steps_ - first_loss_)};
}

absl::StatusOr<TaskOutput> PretrainObjective::LossOf(const WeightedTask& weighted, const Batch& batch) {
  if (weighted.weight > 0) return weighted.task->Loss(batch);
  at::NoGradGuard no_grad;
  KeepBuffers keep(*backbone_);
  return weighted.task->Loss(batch);
}

absl::Status PretrainObjective::AddTask(const WeightedTask& weighted, const Batch& batch,
                                        std::vector<Term>* terms, std::vector<PretextTask*>* preparing,
                                        NamedScalars* values) {
  const bool compares =
      consistency_ != nullptr && !weighted.copies.empty() && batch.step >= weighted.task->preparing_steps();
  if (compares) consistency_->WatchOriginal();
  PRETEXT_ASSIGN_OR_RETURN(const TaskOutput output, LossOf(weighted, PartOf(batch, weighted.share)));
  if (weighted.weight > 0 && output.loss.defined()) {
    at::Tensor loss = output.loss;
    if (weights_ != nullptr) {
      const WeightedTask* first = tasks_.data();
      const int64_t index =
          std::count_if(first, &weighted, [](const WeightedTask& before) { return before.weight > 0; });
      loss = weights_->Weigh(index, loss);
      values->emplace_back(weighted.name + "_log_variance", weights_->log_variances.detach()[index]);
    }
    terms->push_back({weighted.name, weighted.weight == 1 ? loss : loss * weighted.weight});
  }
  if (weighted.weight > 0 && !output.loss.defined()) preparing->push_back(weighted.task.get());
  if (output.loss.defined()) values->emplace_back(weighted.name + "_loss", output.loss.detach());
  for (const auto& [name, value] : output.metrics) {
    values->emplace_back(absl::StrCat(weighted.name, "_", name), value);
  }
  const bool has_spread = std::any_of(values->begin(), values->end(),
                                      [](const auto& value) { return value.first == "feature_spread"; });
  if (!has_spread && output.features.defined() && output.features.size(0) >= 2) {
    values->emplace_back("feature_spread", FeatureSpread(output.features));
    if (IsThoroughStep(batch.step + 1, steps_)) {
      values->emplace_back("effective_rank", at::scalar_tensor(EffectiveRank(output.features)));
    }
  }
  if (!compares) return absl::OkStatus();
  std::vector<Batch> copies;
  for (const CombinedViewBuilder::Share& share : weighted.copies) copies.push_back(PartOf(batch, share));
  return consistency_->Compare(*weighted.task, output, copies);
}

absl::StatusOr<BatchLoss> PretrainObjective::Loss(const Batch& batch) {
  BatchLoss sum;
  std::vector<Term> terms;
  std::vector<PretextTask*> preparing;
  for (const WeightedTask& weighted : tasks_) {
    PRETEXT_RETURN_IF_ERROR(AddTask(weighted, batch, &terms, &preparing, &sum.values));
  }
  if (consistency_ != nullptr) {
    BatchLoss compared = consistency_->Take(batch.step);
    if (compared.loss.defined()) terms.push_back({"consistency", compared.loss});
    sum.values.insert(sum.values.end(), compared.values.begin(), compared.values.end());
  }
  for (const Term& term : terms) sum.loss = sum.loss.defined() ? sum.loss + term.loss : term.loss;
  if (terms.size() > 1 && IsThoroughStep(batch.step + 1, steps_)) AddGradientNorms(terms, &sum.values);
  if (sum.loss.defined()) {
    for (PretextTask* task : preparing) sum.loss = sum.loss + ZeroOf(task->module());
  }
  return sum;
}

void PretrainObjective::AddGradientNorms(const std::vector<Term>& terms, NamedScalars* values) const {
  std::vector<at::Tensor> parameters;
  for (const at::Tensor& parameter : backbone_->parameters()) {
    if (parameter.requires_grad()) parameters.push_back(parameter);
  }
  for (const Term& term : terms) {
    values->emplace_back(absl::StrCat(term.name, "_gradient_norm"), GradientNorm(term.loss, parameters));
  }
}

void PretrainObjective::AfterOptimizerStep(const Step& step) {
  for (const WeightedTask& weighted : tasks_) weighted.task->AfterOptimizerStep(step);
}

NamedNumbers PretrainObjective::ChanceLosses() const {
  NamedNumbers losses = {{"chance_loss", 0}};
  for (const WeightedTask& weighted : tasks_) {
    const double chance = weighted.task->chance_loss();
    losses[0].second += weighted.weight * (weights_ == nullptr ? chance : WeighedChance(chance));
    losses.emplace_back(weighted.name + "_chance_loss", chance);
  }
  return losses;
}

}  // namespace pretext
