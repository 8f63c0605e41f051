#include "worker/stages/finetune_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "worker/losses/cross_entropy.h"
#include "worker/losses/feature_statistics.h"
#include "worker/models/batch_norm.h"
#include "worker/models/normalize.h"
#include "worker/tasks/normalization.h"

namespace pretext {
namespace {

// The group of the backbone's part `name`, which ends with a dot.
int GroupOf(const BackboneModule& backbone, const std::string& name) {
  const std::vector<std::vector<std::string>> groups = backbone.layer_groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const std::string& prefix : groups[i]) {
      if (absl::StartsWith(name, prefix)) return static_cast<int>(i);
    }
  }
  return static_cast<int>(groups.size()) - 1;
}

}  // namespace

FinetuneObjective::FinetuneObjective(const FinetuneOptions& options, Backbone backbone,
                                     Classifier* classifier, std::vector<ParameterGroup> groups)
    : options_(options),
      backbone_(std::move(backbone)),
      classifier_(classifier),
      groups_(std::move(groups)) {}

bool FinetuneObjective::Prepare(int64_t step) {
  const int phase = options_.plan.PhaseOf(step);
  if (phase == phase_) return false;
  phase_ = phase;
  Enter(options_.plan.phases[phase]);
  return true;
}

void FinetuneObjective::Enter(const RecipePhase& phase) {
  backbone_->train();
  classifier_->module().train();
  frozen_whole_ = phase.first_trained + 1 == static_cast<int>(groups_.size()) && !phase.frozen_norms_train;
  for (const auto& item : backbone_->named_modules()) {
    auto* norm = item.value()->as<GroupedBatchNorm>();
    if (norm == nullptr) continue;
    const bool frozen = GroupOf(*backbone_, item.key() + ".") < phase.first_trained;
    norm->train(!frozen || phase.frozen_norms_train);
  }
  for (const auto& item : backbone_->named_parameters()) {
    const bool frozen = GroupOf(*backbone_, item.key()) < phase.first_trained;
    const bool trains = !frozen || (phase.frozen_norms_train && IsNormalization(*backbone_, item.key()));
    at::Tensor parameter = item.value();
    parameter.set_requires_grad(trains);
    if (!trains) parameter.mutable_grad().reset();
  }
}

at::Tensor FinetuneObjective::DeepestMap(const at::Tensor& pictures) {
  const Normalization normalization = NormalizationFor(backbone_->options().in_channels);
  return backbone_->Maps(NormalizeImages(pictures, normalization.mean, normalization.std)).back();
}

absl::StatusOr<BatchLoss> FinetuneObjective::Loss(const Batch& batch) {
  const at::Tensor& targets = batch.fields[1];
  at::Tensor map;
  {
    at::AutoGradMode needed(!frozen_whole_);
    map = DeepestMap(batch.fields[0]);
  }
  const int64_t first_row = options_.rank * targets.size(0);
  const at::Tensor logits = classifier_->Logits(map, options_.dropout_seed, batch.step, first_row);
  BatchLoss output;
  output.loss = CrossEntropy(logits, targets, options_.label_smoothing);
  at::NoGradGuard no_grad;
  output.values = {{"train_accuracy", logits.argmax(1).eq(targets).to(at::kFloat).mean()},
                   {"feature_spread", FeatureSpread(AveragePool(map))}};
  return output;
}

NamedNumbers FinetuneObjective::ChanceLosses() const { return {{"chance_loss", std::log(options_.classes)}}; }

at::Tensor FinetuneObjective::Predict(const at::Tensor& pictures) {
  at::NoGradGuard no_grad;
  backbone_->eval();
  classifier_->module().eval();
  phase_ = -1;
  return classifier_->Logits(DeepestMap(pictures), 0, 0, 0).to(at::kCPU, at::kFloat);
}

}  // namespace pretext
