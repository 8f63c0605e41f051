#include "worker/stages/finetune_recipe.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/defaults.h"

namespace pretext {
namespace {

constexpr int kGroups = 3;

v1::FinetuneStage StageOf(v1::FinetuneStage::Recipe recipe, int epochs = 4) {
  v1::JobSpec job;
  v1::FinetuneStage* stage = job.add_stages()->mutable_finetune();
  stage->set_recipe(recipe);
  stage->set_epochs(epochs);
  ApplyDefaults(&job);
  return job.stages(0).finetune();
}

TEST(FinetuneRecipeTest, FineTuneTrainsTheHeadFirstAndThenAllGroups) {
  const FinetunePlan plan = PlanFinetune(StageOf(v1::FinetuneStage::FINE_TUNE), 25, kGroups);
  ASSERT_EQ(plan.phases.size(), 2);
  EXPECT_EQ(plan.phases[0].first_trained, 2);
  EXPECT_TRUE(plan.phases[0].frozen_norms_train);
  EXPECT_EQ(plan.phases[1].first_trained, 0);
  EXPECT_EQ(plan.steps(), 25 + 100);
  EXPECT_EQ(plan.PhaseOf(24), 0);
  EXPECT_EQ(plan.PhaseOf(25), 1);
  // fastai's golden values: the head's and the first group's rates of the second phase.
  EXPECT_NEAR(plan.RatesAt(0).back().learning_rate, 8e-5, 1e-9);
  EXPECT_NEAR(plan.RatesAt(0).front().learning_rate, 8e-6, 1e-10);
  EXPECT_NEAR(plan.RatesAt(25).back().learning_rate, 2e-4, 1e-9);
  EXPECT_NEAR(plan.RatesAt(25 + 30).back().learning_rate, 1e-3, 1e-9);
  EXPECT_NEAR(plan.RatesAt(25 + 30).front().learning_rate, 1e-5, 1e-11);
  EXPECT_NEAR(plan.RatesAt(25 + 99).back().learning_rate, 5.134617e-7, 1e-12);
  EXPECT_NEAR(plan.RatesAt(25 + 30).back().momentum, 0.85, 1e-9);
}

TEST(FinetuneRecipeTest, FreezeBnKeepsTheNormalisationsOfFrozenGroupsStill) {
  v1::FinetuneStage stage = StageOf(v1::FinetuneStage::FINE_TUNE);
  stage.set_freeze_bn(true);
  EXPECT_FALSE(PlanFinetune(stage, 25, kGroups).phases[0].frozen_norms_train);
}

TEST(FinetuneRecipeTest, NoFrozenEpochsMeanNoFrozenPhase) {
  v1::FinetuneStage stage = StageOf(v1::FinetuneStage::FINE_TUNE);
  stage.set_freeze_epochs(0);
  const FinetunePlan plan = PlanFinetune(stage, 25, kGroups);
  ASSERT_EQ(plan.phases.size(), 1);
  EXPECT_EQ(plan.phases[0].first_trained, 0);
}

TEST(FinetuneRecipeTest, UlmfitThawsOneGroupAnEpoch) {
  const FinetunePlan plan = PlanFinetune(StageOf(v1::FinetuneStage::ULMFIT, /*epochs=*/5), 10, kGroups);
  EXPECT_EQ(plan.steps(), 50);
  std::vector<int> first_trained;
  for (int epoch = 0; epoch < 5; ++epoch) {
    first_trained.push_back(plan.phases[plan.PhaseOf(10 * epoch)].first_trained);
    EXPECT_EQ(plan.PhaseOf(10 * epoch), plan.PhaseOf(10 * epoch + 9));
  }
  EXPECT_THAT(first_trained, ::testing::ElementsAre(2, 1, 0, 0, 0));
  const std::vector<Rates> rates = plan.RatesAt(5);  // a tenth of all steps: the peak
  EXPECT_NEAR(rates[2].learning_rate, 0.01, 1e-9);
  EXPECT_NEAR(rates[2].learning_rate / rates[1].learning_rate, 2.6, 1e-9);
  EXPECT_NEAR(rates[1].learning_rate / rates[0].learning_rate, 2.6, 1e-9);
}

TEST(FinetuneRecipeTest, UlmfitOfAGivenLengthThawsByItsShare) {
  v1::FinetuneStage stage = StageOf(v1::FinetuneStage::ULMFIT);
  stage.clear_epochs();
  stage.set_max_steps(100);
  const FinetunePlan plan = PlanFinetune(stage, /*steps_per_epoch=*/1, kGroups);
  EXPECT_EQ(plan.steps(), 100);
  ASSERT_EQ(plan.phases.size(), 3);
  EXPECT_EQ(plan.phases[0].steps, 20);
  EXPECT_EQ(plan.phases[1].steps, 20);
}

TEST(FinetuneRecipeTest, UlmfitOfFewEpochsEndsBeforeAllGroupsThaw) {
  const FinetunePlan plan = PlanFinetune(StageOf(v1::FinetuneStage::ULMFIT, /*epochs=*/2), 10, kGroups);
  EXPECT_EQ(plan.steps(), 20);
  EXPECT_EQ(plan.phases.back().first_trained, 1);
}

TEST(FinetuneRecipeTest, ALinearProbeTrainsTheHeadAlone) {
  const FinetunePlan plan = PlanFinetune(StageOf(v1::FinetuneStage::LINEAR_PROBE), 10, kGroups);
  ASSERT_EQ(plan.phases.size(), 1);
  EXPECT_EQ(plan.phases[0].first_trained, 2);
  EXPECT_FALSE(plan.phases[0].frozen_norms_train);
  EXPECT_EQ(plan.phases[0].name, "head only");
}

TEST(FinetuneRecipeTest, FullTrainsAllGroupsAtOneRate) {
  const FinetunePlan plan = PlanFinetune(StageOf(v1::FinetuneStage::FULL), 10, kGroups);
  ASSERT_EQ(plan.phases.size(), 1);
  for (const Rates& rates : plan.RatesAt(10)) EXPECT_NEAR(rates.learning_rate, 1e-3, 1e-9);
}

TEST(FinetuneRecipeTest, MaxStepsCountFromTheEndOfTheFrozenPhase) {
  v1::FinetuneStage stage = StageOf(v1::FinetuneStage::FINE_TUNE);
  stage.clear_epochs();
  stage.set_max_steps(150);
  EXPECT_EQ(PlanFinetune(stage, /*steps_per_epoch=*/7, kGroups).steps(), 7 + 150);
}

}  // namespace
}  // namespace pretext
