#include "worker/stages/judgement.h"

#include <ATen/ops/tensor.h>

#include <limits>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

// Ten of class 0, all recognised, and two of class 1, taken for class 0.
Judgement Unbalanced() {
  std::vector<float> scores;
  std::vector<int64_t> labels;
  for (int i = 0; i < 12; ++i) {
    scores.insert(scores.end(), {1, 0});
    labels.push_back(i < 10 ? 0 : 1);
  }
  const at::Tensor rows = at::tensor(scores).view({12, 2});
  return Judge(rows, BestClasses(rows), labels);
}

TEST(JudgeTest, ShowsWhatAnAccuracyAloneHides) {
  const Judgement judgement = Unbalanced();
  EXPECT_EQ(judgement.pictures, 12);
  EXPECT_NEAR(judgement.top1, 10.0 / 12, 1e-12);
  EXPECT_NEAR(judgement.balanced_accuracy, 0.5, 1e-12);
  EXPECT_NEAR(judgement.largest_class, 10.0 / 12, 1e-12);
  EXPECT_EQ(judgement.chance, 0.5);
  EXPECT_LT(judgement.interval_low, judgement.top1);
  EXPECT_GT(judgement.interval_high, judgement.top1);
}

TEST(JudgeTest, MetricsCarryIntervalAndChance) {
  const NamedNumbers metrics = JudgementMetrics(Unbalanced(), "test_accuracy", "test_");
  const std::map<std::string, double> named(metrics.begin(), metrics.end());
  EXPECT_NEAR(named.at("test_accuracy"), 10.0 / 12, 1e-12);
  for (const char* name : {"test_balanced_accuracy", "test_macro_f1", "test_accuracy_low",
                           "test_accuracy_high", "chance_accuracy"}) {
    EXPECT_EQ(named.count(name), 1) << name;
  }
  EXPECT_EQ(named.count("test_top5"), 0);  // of two classes
}

TEST(JudgeTest, TextNamesCountsAndChance) {
  EXPECT_THAT(JudgementText(Unbalanced()), ::testing::HasSubstr("83.3 % of 12 pictures"));
  EXPECT_THAT(JudgementText(Unbalanced()), ::testing::HasSubstr("chance 50.0 %"));
}

TEST(BestClassesTest, TakesTheLowestOfEquals) {
  const float none = -std::numeric_limits<float>::infinity();
  const at::Tensor scores = at::tensor({0.0f, 1.0f, 1.0f, none, none, none}).view({2, 3});
  EXPECT_THAT(BestClasses(scores), ::testing::ElementsAre(1, 0));
}

}  // namespace
}  // namespace pretext
