#include "worker/stages/finetune_objective.h"

#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>

#include <cmath>
#include <initializer_list>
#include <utility>

#include "absl/strings/match.h"
#include "proto/cpp/status_macros.h"
#include "worker/losses/cross_entropy.h"
#include "worker/losses/feature_statistics.h"
#include "worker/losses/unlabelled_losses.h"
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

// Pictures of several kinds as one batch, of which each batch-norm group, a contiguous slice, gets its share
// of every kind: one rank with G groups then computes what G ranks do.
at::Tensor Join(const std::vector<at::Tensor>& kinds, int groups) {
  std::vector<at::Tensor> shares;
  for (const at::Tensor& kind : kinds) shares.push_back(kind.unflatten(0, {groups, kind.size(0) / groups}));
  return at::cat(shares, 1).flatten(0, 1);
}

// The rows of each kind, of which there are `counts`, out of what a joint batch gave.
std::vector<at::Tensor> Part(const at::Tensor& joint, const std::vector<int64_t>& counts, int groups) {
  const at::Tensor by_group = joint.unflatten(0, {groups, joint.size(0) / groups});
  std::vector<at::Tensor> kinds;
  int64_t first = 0;
  for (const int64_t count : counts) {
    kinds.push_back(by_group.narrow(1, first, count / groups).flatten(0, 1));
    first += count / groups;
  }
  return kinds;
}

// Modules in evaluation mode while it lives, and then as they were.
class EvaluationMode {
 public:
  explicit EvaluationMode(std::initializer_list<torch::nn::Module*> modules) {
    for (torch::nn::Module* module : modules) {
      // Parents first, so that putting them back, which takes their children along, leaves these right.
      module->apply([this](torch::nn::Module& part) { before_.emplace_back(&part, part.is_training()); });
      module->eval();
    }
  }
  ~EvaluationMode() {
    for (const auto& [part, trained] : before_) part->train(trained);
  }
  EvaluationMode(const EvaluationMode&) = delete;
  EvaluationMode& operator=(const EvaluationMode&) = delete;

 private:
  std::vector<std::pair<torch::nn::Module*, bool>> before_;
};

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

FinetuneObjective::Scores FinetuneObjective::Forward(const at::Tensor& pictures, int64_t step) {
  Scores scores;
  {
    at::AutoGradMode needed(!frozen_whole_);
    scores.map = DeepestMap(pictures);
  }
  const int64_t first_row = options_.rank * pictures.size(0);
  scores.logits = classifier_->Logits(scores.map, options_.dropout_seed, step, first_row);
  return scores;
}

absl::StatusOr<BatchLoss> FinetuneObjective::Loss(const Batch& batch) {
  if (options_.unlabelled.has_value()) return LossWithUnlabelled(batch);
  const at::Tensor& targets = batch.fields[1];
  const Scores scores = Forward(batch.fields[0], batch.step);
  BatchLoss output;
  output.loss = CrossEntropy(scores.logits, targets, options_.label_smoothing);
  at::NoGradGuard no_grad;
  output.values = {{"train_accuracy", scores.logits.argmax(1).eq(targets).to(at::kFloat).mean()},
                   {"feature_spread", FeatureSpread(AveragePool(scores.map))}};
  return output;
}

absl::StatusOr<BatchLoss> FinetuneObjective::LossWithUnlabelled(const Batch& batch) {
  const UnlabelledLearning& learning = *options_.unlabelled;
  PRETEXT_RETURN_IF_ERROR(learning.pictures->status());
  const at::Tensor& targets = batch.fields[1];
  const at::Tensor pictures = batch.fields[2].flatten(0, 1), copies = batch.fields[3].flatten(0, 1);
  // First: the pass that trains moves this rank's running statistics before the ranks' are averaged.
  const at::Tensor answers = Answers(pictures);
  const std::vector<int64_t> counts = {targets.size(0), copies.size(0)};
  const Scores scores = Forward(Join({batch.fields[0], copies}, learning.bn_groups), batch.step);
  const std::vector<at::Tensor> logits = Part(scores.logits, counts, learning.bn_groups);
  const UnlabelledLoss unlabelled =
      learning.spec.method() == v1::UnlabelledSpec::FIXMATCH
          ? FixMatchLoss(answers, logits[1], learning.spec.confidence())
          : UdaLoss(answers, logits[1], learning.spec.confidence(), learning.spec.sharpening());
  BatchLoss output;
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor labelled,
                           LabelledLoss(logits[0], targets, batch.step, &output.values));
  output.loss = labelled + learning.spec.weight() * unlabelled.loss;
  at::NoGradGuard no_grad;
  const at::Tensor map = Part(scores.map.detach(), counts, learning.bn_groups)[0];
  output.values.insert(output.values.end(),
                       {{"labelled_loss", labelled.detach()},
                        {"unlabelled_loss", unlabelled.loss.detach()},
                        {"confident_share", unlabelled.confident_share},
                        {"copy_agreement", unlabelled.agreement},
                        {"train_accuracy", logits[0].argmax(1).eq(targets).to(at::kFloat).mean()},
                        {"feature_spread", FeatureSpread(AveragePool(map))}});
  return output;
}

absl::StatusOr<at::Tensor> FinetuneObjective::LabelledLoss(const at::Tensor& logits,
                                                           const at::Tensor& targets, int64_t step,
                                                           NamedScalars* values) const {
  const UnlabelledLearning& learning = *options_.unlabelled;
  const v1::UnlabelledSpec::Annealing annealing = learning.spec.annealing();
  if (annealing == v1::UnlabelledSpec::ANNEALING_UNSPECIFIED || annealing == v1::UnlabelledSpec::OFF) {
    return CrossEntropy(logits, targets, options_.label_smoothing);
  }
  const double progress = static_cast<double>(step) / static_cast<double>(options_.plan.steps());
  const KeptCrossEntropy own = AnnealedCrossEntropy(
      logits, targets, AnnealingThreshold(annealing, progress, options_.classes), options_.label_smoothing);
  const at::Tensor kept_per_rank = own.kept.clone();
  PRETEXT_RETURN_IF_ERROR(learning.group->AllReduceMean({kept_per_rank}));
  values->push_back({"kept_share", own.kept / targets.size(0)});
  return MeanOfKept(own, kept_per_rank, learning.group->world_size());
}

at::Tensor FinetuneObjective::Answers(const at::Tensor& pictures) {
  at::NoGradGuard no_grad;
  const EvaluationMode evaluation({backbone_.get(), &classifier_->module()});
  const at::Tensor logits = classifier_->Logits(DeepestMap(pictures), 0, 0, 0);
  // Autocast keeps each weight as the first pass casts it, and one cast without gradient would give none to
  // the pass that trains.
  at::autocast::clear_cache();
  return logits;
}

// Whoever knows nothing is sure of no unlabelled picture, so that these cost nothing.
NamedNumbers FinetuneObjective::ChanceLosses() const {
  const double chance = std::log(options_.classes);
  if (!options_.unlabelled.has_value()) return {{"chance_loss", chance}};
  return {{"chance_loss", chance}, {"labelled_chance_loss", chance}};
}

at::Tensor FinetuneObjective::Predict(const at::Tensor& pictures) {
  at::NoGradGuard no_grad;
  backbone_->eval();
  classifier_->module().eval();
  phase_ = -1;
  return classifier_->Logits(DeepestMap(pictures), 0, 0, 0).to(at::kCPU, at::kFloat);
}

}  // namespace pretext
