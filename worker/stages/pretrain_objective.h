#ifndef PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_
#define PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_

#include <memory>
#include <string>
#include <vector>

#include "pretext/v1/stage.pb.h"
#include "worker/models/backbone.h"
#include "worker/tasks/combined_view_builder.h"
#include "worker/tasks/pretext_task.h"
#include "worker/train/objective.h"

namespace pretext {

// A pretext task of a stage and its place in the stage's batches.
struct WeightedTask {
  std::string name;
  double weight = 1;
  CombinedViewBuilder::Share share;
  std::unique_ptr<PretextTask> task;
};

// The weighted sum of several pretext tasks on one backbone. A task of weight 0 is computed and shown and
// changes nothing: neither weights nor running statistics of the backbone.
// Values: "{task}_loss", "{task}_{metric}" and "feature_spread" of the first task that has features.
class PretrainObjective : public Objective {
 public:
  // `stage` has every value.
  PretrainObjective(const v1::PretrainStage& stage, int64_t steps, Backbone backbone,
                    std::vector<WeightedTask> tasks);

  bool Prepare(int64_t step) override { return step_seen_++ == 0; }
  std::vector<Rates> RatesAt(int64_t step) const override;
  absl::StatusOr<BatchLoss> Loss(const Batch& batch) override;
  void AfterOptimizerStep(const Step& step) override;
  NamedNumbers ChanceLosses() const override;

  const std::vector<WeightedTask>& tasks() const { return tasks_; }

 private:
  absl::StatusOr<TaskOutput> LossOf(const WeightedTask& weighted, const Batch& batch);

  v1::ScheduleSpec schedule_;
  v1::OptimizerSpec optimizer_;
  int64_t steps_;
  int64_t step_seen_ = 0;
  Backbone backbone_;
  std::vector<WeightedTask> tasks_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_PRETRAIN_OBJECTIVE_H_
