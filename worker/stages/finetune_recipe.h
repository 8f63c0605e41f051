#ifndef PRETEXT_WORKER_STAGES_FINETUNE_RECIPE_H_
#define PRETEXT_WORKER_STAGES_FINETUNE_RECIPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "pretext/v1/stage.pb.h"
#include "worker/optim/learning_rate.h"

namespace pretext {

// A stretch of fine-tuning in which the same parameter groups train.
struct RecipePhase {
  std::string name;  // for people: "head only", "all groups"
  int64_t steps = 0;
  int first_trained = 0;  // group; those before it are frozen
  // Whether the batch normalisations of frozen groups train nonetheless, weights and running statistics
  // alike, as in fastai. Otherwise they stay as they are and normalise by their running statistics.
  bool frozen_norms_train = false;
};

// How a fine-tuning stage goes, from its first step to its last. Pure.
struct FinetunePlan {
  std::vector<RecipePhase> phases;  // none without steps
  v1::FinetuneStage stage;          // for its rates
  int groups = 0;

  int64_t steps() const;
  // Of a step (from 0), the phase it belongs to.
  int PhaseOf(int64_t step) const;
  // One entry a group.
  std::vector<Rates> RatesAt(int64_t step) const;
};

// `groups`: parameter groups, shallow first, the head last; at least two. Defaults are filled in.
//   FINE_TUNE     fastai's fine_tune: `freeze_epochs` with the head alone at the base rate (the other groups
//                 at a tenth of it, for their normalisations), then all groups, their peaks spaced evenly in
//                 the logarithm from base / 2 / rate_divisor to base / 2.
//   ULMFIT        Howard & Ruder 2018: each group's rate is the next one's / 2.6; the head trains alone
//                 first, then one more group an epoch (with max_steps: each (groups + 2)-th of them), then
//                 all.
//   LINEAR_PROBE  the last group alone, at the base rate.
//   FULL          all groups at the base rate.
FinetunePlan PlanFinetune(const v1::FinetuneStage& stage, int64_t steps_per_epoch, int groups);

}  // namespace pretext

#endif  // PRETEXT_WORKER_STAGES_FINETUNE_RECIPE_H_
