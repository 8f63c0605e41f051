#ifndef PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_
#define PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "pretext/v1/stage.pb.h"
#include "worker/dist/process_group.h"
#include "worker/models/backbone.h"
#include "worker/optim/parameter_groups.h"
#include "worker/stages/classifier.h"
#include "worker/stages/finetune_recipe.h"
#include "worker/stages/unlabelled_pictures.h"
#include "worker/train/objective.h"

namespace pretext {

// How a stage learns from unlabelled pictures too. Nothing is owned.
struct UnlabelledLearning {
  v1::UnlabelledSpec spec;                       // with every value
  int bn_groups = 1;                             // of this rank's networks
  ProcessGroup* group = nullptr;                 // counts the labelled pictures that annealing keeps
  const UnlabelledPictures* pictures = nullptr;  // when too many of them are broken, Loss says so
};

struct FinetuneOptions {
  FinetunePlan plan;
  double label_smoothing = 0;
  int classes = 0;
  uint64_t dropout_seed = 0;
  int rank = 0;
  std::optional<UnlabelledLearning> unlabelled;
};

// Classifies labelled pictures. Batches have two fields: pictures uint8 (S, S, C) and their class, int64.
// Values: "train_accuracy" and "feature_spread" of the labelled pictures' averaged map.
//
// With unlabelled pictures a batch has those of UnlabelledPictures after them, and the loss is that of the
// labelled pictures + weight * that of the unlabelled ones. Labelled pictures and copies go through the
// network as one batch, whose statistics normalise both and move the running ones. What the copies are to be
// taken for is what the network says of the pictures when it is used: in evaluation mode, by its running
// statistics and without dropout, and without gradient, which saves half the memory of a pass that trains.
// Values besides: "labelled_loss", "unlabelled_loss", "confident_share" (of the unlabelled pictures, those
// that count), "copy_agreement" (of them, those whose copy is taken for the same class) and with annealing
// "kept_share" (of the labelled pictures).
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
  struct Scores {
    at::Tensor map, logits;
  };

  // Which parameters and normalisations train in a phase.
  void Enter(const RecipePhase& phase);
  at::Tensor DeepestMap(const at::Tensor& pictures);
  // Of a batch that trains, uint8 (N, S, S, C).
  Scores Forward(const at::Tensor& pictures, int64_t step);
  absl::StatusOr<BatchLoss> LossWithUnlabelled(const Batch& batch);
  // Loss of the labelled pictures' logits, and its part of `values`.
  absl::StatusOr<at::Tensor> LabelledLoss(const at::Tensor& logits, const at::Tensor& targets, int64_t step,
                                          NamedScalars* values) const;
  // Scores (N, classes) of pictures by the network in evaluation mode, which it is then in no longer.
  at::Tensor Answers(const at::Tensor& pictures);

  FinetuneOptions options_;
  Backbone backbone_;
  Classifier* classifier_;
  std::vector<ParameterGroup> groups_;
  int phase_ = -1;             // the one entered
  bool frozen_whole_ = false;  // nothing of the backbone trains
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_FINETUNE_OBJECTIVE_H_
