#include "worker/report/stage_plots.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

using SeriesByName = std::map<std::string, CondensedSeries>;

SeriesByName Series(const std::vector<std::string>& names, int steps = 3) {
  SeriesByName series;
  for (const std::string& name : names) {
    for (int step = 1; step <= steps; ++step) series[name].Add(step, 0.5 * step);
  }
  return series;
}

std::vector<std::string> Files(const std::vector<StagePlot>& plots) {
  std::vector<std::string> files;
  for (const StagePlot& plot : plots) files.push_back(plot.file);
  return files;
}

std::vector<std::string> Titles(const Figure& figure) {
  std::vector<std::string> titles;
  for (const Panel& panel : figure.panels) titles.push_back(panel.title);
  return titles;
}

TEST(StagePlotsTest, APretrainingStageHasAllPlots) {
  const std::vector<StagePlot> plots = PlanStagePlots(
      "pretrain",
      Series({"loss", "chance_loss", "moco_loss", "moco_chance_loss", "moco_accuracy", "learning_rate",
              "gradient_norm", "feature_spread", "images_per_second", "data_wait_share"}));
  EXPECT_THAT(Files(plots),
              ElementsAre("pretrain-loss.png", "pretrain-accuracy.png", "pretrain-learning-rate.png",
                          "pretrain-feature-spread.png", "pretrain-throughput.png"));
  EXPECT_EQ(plots[0].figure.title, "pretrain: loss");
  // One task: its loss is the loss.
  EXPECT_THAT(Titles(plots[0].figure), ElementsAre("loss"));
  ASSERT_TRUE(plots[0].figure.panels[0].reference.has_value());
  EXPECT_EQ(plots[0].figure.panels[0].reference->label, "chance");
  EXPECT_EQ(plots[0].figure.panels[0].reference->value, 1.5);
  EXPECT_EQ(plots[4].figure.panels.size(), 2);
}

TEST(StagePlotsTest, AProbeHasACurveABlockBesideItsChance) {
  const std::vector<StagePlot> plots =
      PlanStagePlots("pretrain", Series({"probe_chance", "probe_knn", "probe_layer3", "probe_layer4"}));
  ASSERT_EQ(plots.size(), 1);
  EXPECT_EQ(plots[0].file, "pretrain-probe.png");
  const Panel& panel = plots[0].figure.panels.at(0);
  ASSERT_EQ(panel.curves.size(), 3);
  EXPECT_EQ(panel.curves[0].label, "knn");
  EXPECT_EQ(panel.curves[1].label, "layer3");
  EXPECT_TRUE(panel.reference.has_value());
}

TEST(StagePlotsTest, AFeaturesRankStandsBelowTheirSpread) {
  const std::vector<StagePlot> plots =
      PlanStagePlots("pretrain", Series({"feature_spread", "effective_rank"}));
  ASSERT_EQ(plots.size(), 1);
  EXPECT_EQ(plots[0].figure.panels.size(), 2);
}

TEST(StagePlotsTest, SeveralTasksHaveAxesOfTheirOwnEachWithItsChance) {
  const std::vector<StagePlot> plots = PlanStagePlots(
      "pretrain", Series({"loss", "chance_loss", "moco_loss", "moco_chance_loss", "rotation_loss",
                          "rotation_chance_loss", "moco_accuracy", "rotation_accuracy"}));
  ASSERT_EQ(plots.size(), 2);
  EXPECT_THAT(Titles(plots[0].figure), ElementsAre("loss", "loss of moco", "loss of rotation"));
  for (const Panel& panel : plots[0].figure.panels) EXPECT_TRUE(panel.reference.has_value());
  ASSERT_EQ(plots[1].figure.panels.size(), 1);
  EXPECT_EQ(plots[1].figure.panels[0].curves[0].label, "moco");
  EXPECT_EQ(plots[1].figure.panels[0].curves[1].label, "rotation");
}

TEST(StagePlotsTest, ASingleJudgementIsNoCurve) {
  EXPECT_TRUE(PlanStagePlots("evaluate", Series({"knn_top1", "knn_balanced_accuracy", "chance_accuracy"}, 1))
                  .empty());
}

TEST(StagePlotsTest, TheTestScoreStandsBesideTheTrainingCurve) {
  SeriesByName series = Series({"train_accuracy", "chance_accuracy"});
  series["test_accuracy"].Add(3, 0.7);
  const std::vector<StagePlot> plots = PlanStagePlots("finetune", series);
  ASSERT_THAT(Files(plots), ElementsAre("finetune-accuracy.png"));
  const Panel& panel = plots[0].figure.panels[0];
  ASSERT_EQ(panel.curves.size(), 2);
  EXPECT_EQ(panel.curves[0].label, "test");
  EXPECT_EQ(panel.curves[1].label, "train");
  EXPECT_TRUE(panel.percent);
  EXPECT_EQ(panel.reference->value, 1.5);
}

}  // namespace
}  // namespace pretext
