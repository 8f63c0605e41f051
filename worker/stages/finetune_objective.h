#ifndef PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_
#define PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_

#include <cstdint>
#include <vector>

#include "worker/models/backbone.h"
#include "worker/optim/parameter_groups.h"
#include "worker/stages/classifier.h"
#include "worker/stages/finetune_recipe.h"
#include "worker/train/objective.h"

namespace pretext {

struct FinetuneOptions {
  FinetunePlan plan;
  double label_smoothing = 0;
  int classes = 0;
  uint64_t dropout_seed = 0;
  int rank = 0;
};

// Classifies labelled pictures. Batches have two fields: pictures uint8 (S, S, C) and their class, int64.
// Values: "train_accuracy" and "feature_spread" of the averaged map.
class FinetuneObjective : public Objective {
 public:
  // `groups` are the optimizer's, by layer_groups() and the head last. `classifier` is not owned.
  FinetuneObjective(const FinetuneOptions& options, Backbone backbone, Classifier* classifier,
                    std::vector<ParameterGroup> groups);

  bool Prepare(int64_t step) override;
  std::vector<Rates> RatesAt(int64_t step) const override { return options_.plan.RatesAt(step); }
  absl::StatusOr<BatchLoss> Loss(const Batch& batch) override;
  void AfterOptimizerStep(const Step& step) override {}
  NamedNumbers ChanceLosses() const override;

  // Scores of pictures uint8 (N, S, S, C) by the network as it is, in evaluation mode: (N, classes) float on
  // the CPU. Leaves both in evaluation mode until the next Prepare().
  at::Tensor Predict(const at::Tensor& pictures);

 private:
  // Which parameters and normalisations train in a phase.
  void Enter(const RecipePhase& phase);
  at::Tensor DeepestMap(const at::Tensor& pictures);

  FinetuneOptions options_;
  Backbone backbone_;
  Classifier* classifier_;
  std::vector<ParameterGroup> groups_;
  int phase_ = -1;             // the one entered
  bool frozen_whole_ = false;  // nothing of the backbone trains
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_
