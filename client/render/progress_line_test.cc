#include "client/render/progress_line.h"

#include "client/render/plain_text.h"
#include "client/render/stage_results.h"
#include "gmock/gmock.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Job Training() {
  v1::Job job;
  job.set_state(v1::Job::RUNNING);
  job.mutable_spec()->add_stages()->set_name("pretrain");
  job.mutable_spec()->add_stages()->set_name("probe");
  v1::Progress& progress = *job.mutable_progress();
  progress.set_stage("pretrain");
  progress.set_phase("training");
  progress.set_epoch(2);
  progress.set_epochs(3);
  progress.set_step(1270);
  progress.set_steps(2340);
  progress.set_images_per_second(1532.3);
  progress.set_data_wait_share(0.031);
  progress.set_eta_seconds(72);
  (*progress.mutable_metrics())["pretrain/loss"] = 7.0123;
  (*progress.mutable_metrics())["pretrain/chance_loss"] = 9.0111;
  (*progress.mutable_metrics())["pretrain/feature_spread"] = 0.834;
  return job;
}

TEST(ProgressLineTest, HasEverythingWhenThereIsRoom) {
  EXPECT_EQ(ProgressLine(Training(), LineStyle()),
            "[1/2] pretrain  54 %  epoch 2/3  step 1,270/2,340  loss 7.012 (chance 9.011), spread 0.83  "
            "1,532 images/s  data wait 3 %  ETA 1 min 12 s");
}

TEST(ProgressLineTest, LeavesOutTheLeastTellingWhenItIsNarrow) {
  EXPECT_EQ(
      ProgressLine(Training(), {/*width=*/100, /*bar=*/true, /*utf8=*/false}),
      "[1/2] pretrain  [##########          ]  54 %  loss 7.012 (chance 9.011), spread 0.83  ETA 1 min 12 s");
  EXPECT_EQ(ProgressLine(Training(), {/*width=*/40, /*bar=*/true, /*utf8=*/false}),
            "[1/2] pretrain  [########        ]  54 %");
  for (int width = 1; width < 200; ++width) {
    EXPECT_LE(DisplayWidth(ProgressLine(Training(), {width, true, true})), width);
  }
}

TEST(ProgressLineTest, NamesAPhaseThatIsNotTraining) {
  v1::Job job = Training();
  job.mutable_progress()->set_phase("starting");
  EXPECT_THAT(ProgressLine(job, LineStyle()), HasSubstr("pretrain  starting  54 %"));
}

TEST(ProgressLineTest, CountsPicturesWhileItEvaluates) {
  v1::Job job = Training();
  job.mutable_progress()->set_phase("evaluating");
  job.mutable_progress()->set_epochs(0);
  EXPECT_THAT(ProgressLine(job, LineStyle()), HasSubstr("evaluating  54 %  picture 1,270/2,340"));
}

TEST(ProgressLineTest, DoesNotSayTwiceThatAStepIsAnEpoch) {
  v1::Job job = Training();
  job.mutable_progress()->set_epochs(2340);
  EXPECT_THAT(ProgressLine(job, LineStyle()), Not(HasSubstr("epoch")));
}

TEST(ProgressLineTest, ShowsNoBarForWhatHasNoSteps) {
  v1::Job job = Training();
  job.mutable_progress()->Clear();
  job.mutable_progress()->set_stage("probe");
  job.mutable_progress()->set_phase("evaluating");
  EXPECT_EQ(ProgressLine(job, {80, true, true}), "[2/2] probe  evaluating");
}

TEST(StageResultsTest, ALossIsNeverAlone) {
  const MetricValues values = {{"s/loss", 1.5}, {"s/chance_loss", 1.386}, {"other/loss", 3}};
  EXPECT_EQ(LossText(values, "s"), "loss 1.5 (chance 1.386)");
  EXPECT_EQ(LossText(values, "t"), "");
}

TEST(StageResultsTest, AScoreCarriesItsIntervalItsPicturesAndChance) {
  v1::Stage stage;
  stage.set_name("s");
  const MetricValues values = {{"s/test_accuracy", 0.842},      {"s/test_accuracy_low", 0.821},
                               {"s/test_accuracy_high", 0.860}, {"s/test_pictures", 1000},
                               {"s/chance_accuracy", 0.1},      {"s/loss", 0.3}};
  EXPECT_EQ(StageResult(stage, values),
            "accuracy 84.2 % (95 %: 82.1 to 86.0) on 1,000 held-out pictures, chance 10.0 %");
}

TEST(StageResultsTest, ProbesAreNamed) {
  v1::Stage stage;
  stage.set_name("e");
  EXPECT_EQ(StageResult(stage, {{"e/knn_top1", 0.5}, {"e/linear_top1", 0.625}}), "knn 50.0 %, linear 62.5 %");
  EXPECT_EQ(StageResult(stage, {}), "no result was reported");
}

}  // namespace
}  // namespace pretext
