#ifndef PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_
#define PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_

#include <memory>
#include <string>
#include <vector>

#include "pretext/v1/stage.pb.h"
#include "worker/models/backbone.h"
#include "worker/stages/consistency.h"
#include "worker/stages/learnt_weights.h"
#include "worker/tasks/combined_view_builder.h"
#include "worker/tasks/pretext_task.h"
#include "worker/train/objective.h"

namespace pretext {

// A pretext task of a stage and its place in the stage's batches.
struct WeightedTask {
  std::string name;
  double weight = 1;
  CombinedViewBuilder::Share share;
  std::vector<CombinedViewBuilder::Share> copies;  // of the same pictures, for Consistency; else empty
  std::unique_ptr<PretextTask> task;
};

// The fields of one share of a stage's batch, for the same pictures.
Batch PartOf(const Batch& batch, const CombinedViewBuilder::Share& share);

// The weighted sum of several pretext tasks on one backbone, and of their consistency. A task of weight 0 is
// computed and shown and changes nothing: neither weights nor running statistics of the backbone.
// While a task prepares the others train as if it were not there; while all that count prepare there is no
// loss and rates are 0. Rates are scheduled over the steps in which there is one.
// Values: "{task}_loss", but not while the task prepares, "{task}_{metric}", "feature_spread" of the first
// task that has features, at thorough steps (IsThoroughStep) also their "effective_rank", and Consistency's.
// With learnt weights "{task}_log_variance". At thorough steps, where the sum has several parts,
// "{task}_gradient_norm" and "consistency_gradient_norm": how strongly each pulls at the backbone, with its
// weight, as the mean over ranks of the norm on each.
class PretrainObjective : public Objective {
 public:
  // `stage` has every value. `consistency` is null where it is off; `weights`, of the tasks whose weight is
  // more than 0 in order, null where they are fixed.
  PretrainObjective(const v1::PretrainStage& stage, int64_t steps, Backbone backbone,
                    std::vector<WeightedTask> tasks, std::unique_ptr<Consistency> consistency = nullptr,
                    std::shared_ptr<LearntWeights> weights = nullptr);

  bool Prepare(int64_t step) override { return step_seen_++ == 0; }
  std::vector<Rates> RatesAt(int64_t step) const override;
  absl::StatusOr<BatchLoss> Loss(const Batch& batch) override;
  void AfterOptimizerStep(const Step& step) override;
  NamedNumbers ChanceLosses() const override;

  const std::vector<WeightedTask>& tasks() const { return tasks_; }

  // Null where there is none.
  Consistency* consistency() const { return consistency_.get(); }
  LearntWeights* weights() const { return weights_.get(); }

 private:
  // A part of the sum.
  struct Term {
    std::string name;
    at::Tensor loss;  // times its weight
  };

  absl::StatusOr<TaskOutput> LossOf(const WeightedTask& weighted, const Batch& batch);
  absl::Status AddTask(const WeightedTask& weighted, const Batch& batch, std::vector<Term>* terms,
                       std::vector<PretextTask*>* preparing, NamedScalars* values);
  void AddGradientNorms(const std::vector<Term>& terms, NamedScalars* values) const;

  v1::ScheduleSpec schedule_;
  v1::OptimizerSpec optimizer_;
  int64_t steps_;
  int64_t first_loss_;  // the first step with a loss
  int64_t step_seen_ = 0;
  Backbone backbone_;
  std::vector<WeightedTask> tasks_;
  std::unique_ptr<Consistency> consistency_;
  std::shared_ptr<LearntWeights> weights_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_
