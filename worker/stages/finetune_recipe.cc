#include "worker/stages/finetune_recipe.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

std::string GroupsText(int first_trained, int groups) {
  if (first_trained == 0) return "all groups";
  return first_trained + 1 == groups ? "head only" : absl::StrCat("last ", groups - first_trained, " groups");
}

int64_t LengthOf(const v1::FinetuneStage& stage, int64_t steps_per_epoch) {
  return stage.has_max_steps() ? stage.max_steps() : stage.epochs() * steps_per_epoch;
}

void AddPhase(RecipePhase phase, FinetunePlan* plan) {
  if (phase.steps == 0) return;
  phase.name = GroupsText(phase.first_trained, plan->groups);
  plan->phases.push_back(std::move(phase));
}

void PlanFineTune(int64_t steps_per_epoch, FinetunePlan* plan) {
  RecipePhase head;
  head.steps = plan->stage.freeze_epochs() * steps_per_epoch;
  head.first_trained = plan->groups - 1;
  head.frozen_norms_train = !plan->stage.freeze_bn();
  AddPhase(head, plan);
  RecipePhase all;
  all.steps = LengthOf(plan->stage, steps_per_epoch);
  AddPhase(all, plan);
}

void PlanUlmfit(int64_t steps_per_epoch, FinetunePlan* plan) {
  int64_t left = LengthOf(plan->stage, steps_per_epoch);
  const int64_t period = plan->stage.has_max_steps()
                             ? std::max<int64_t>(1, plan->stage.max_steps() / (plan->groups + 2))
                             : steps_per_epoch;
  RecipePhase phase;
  phase.frozen_norms_train = !plan->stage.freeze_bn();
  for (int first = plan->groups - 1; first >= 0 && left > 0; --first) {
    phase.first_trained = first;
    phase.steps = first == 0 ? left : std::min(left, period);
    left -= phase.steps;
    AddPhase(phase, plan);
  }
}

}  // namespace

int64_t FinetunePlan::steps() const {
  int64_t sum = 0;
  for (const RecipePhase& phase : phases) sum += phase.steps;
  return sum;
}

int FinetunePlan::PhaseOf(int64_t step) const {
  int phase = 0;
  while (phase + 1 < static_cast<int>(phases.size()) && step >= phases[phase].steps) {
    step -= phases[phase].steps;
    ++phase;
  }
  return phase;
}

std::vector<Rates> FinetunePlan::RatesAt(int64_t step) const {
  const double base = stage.learning_rate();
  if (stage.recipe() == v1::FinetuneStage::ULMFIT) return UlmfitAt(base, groups, step, steps());
  const int index = PhaseOf(step);
  int64_t begin = 0;
  for (int i = 0; i < index; ++i) begin += phases[i].steps;
  const double progress = static_cast<double>(step - begin) / static_cast<double>(phases[index].steps);
  if (stage.recipe() == v1::FinetuneStage::FINE_TUNE) {
    return phases[index].first_trained > 0 ? FineTuneFrozenAt(base, groups, progress)
                                           : FineTuneUnfrozenAt(base, stage.rate_divisor(), groups, progress);
  }
  OneCycle cycle;
  cycle.peak = base;
  return std::vector<Rates>(groups, OneCycleAt(cycle, progress));
}

FinetunePlan PlanFinetune(const v1::FinetuneStage& stage, int64_t steps_per_epoch, int groups) {
  FinetunePlan plan;
  plan.stage = stage;
  plan.groups = groups;
  RecipePhase phase;
  phase.steps = LengthOf(stage, steps_per_epoch);
  switch (stage.recipe()) {
    case v1::FinetuneStage::FINE_TUNE:
      PlanFineTune(steps_per_epoch, &plan);
      break;
    case v1::FinetuneStage::ULMFIT:
      PlanUlmfit(steps_per_epoch, &plan);
      break;
    case v1::FinetuneStage::LINEAR_PROBE:
      phase.first_trained = groups - 1;
      AddPhase(phase, &plan);
      break;
    default:
      AddPhase(phase, &plan);
      break;
  }
  return plan;
}

}  // namespace pretext
