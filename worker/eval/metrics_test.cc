#include "worker/eval/metrics.h"

#include <limits>
#include <vector>

#include "gtest/gtest.h"
#include "worker/eval/top1.h"

namespace pretext {
namespace {

TEST(MetricsTest, AccuracyIsTheShareOfRightPredictions) {
  const std::vector<int64_t> predictions = {1, 2, 0, 1}, labels = {1, 0, 0, 1};
  EXPECT_DOUBLE_EQ(ConfusionMatrix(3, predictions, labels).Accuracy(), 0.75);
  EXPECT_DOUBLE_EQ(ConfusionMatrix(3, predictions, labels).Accuracy(), Top1(predictions, labels));
  EXPECT_DOUBLE_EQ(ConfusionMatrix(3).Accuracy(), 0);
}

TEST(MetricsTest, TopKCountsLabelsAmongTheBest) {
  const std::vector<float> scores = {0.1f, 0.5f, 0.4f,   // best 1, then 2, then 0
                                     0.7f, 0.2f, 0.1f};  // best 0, then 1, then 2
  EXPECT_DOUBLE_EQ(TopK(scores, 3, {1, 2}, 1), 0.5);
  EXPECT_DOUBLE_EQ(TopK(scores, 3, {2, 2}, 2), 0.5);
  EXPECT_DOUBLE_EQ(TopK(scores, 3, {2, 2}, 3), 1);
}

TEST(MetricsTest, TopKPrefersTheLowerClassAmongEqualsSoThatConstantScoresGainNothing) {
  const std::vector<float> scores(2 * 4, 0.5f);
  EXPECT_DOUBLE_EQ(TopK(scores, 4, {0, 3}, 1), 0.5);
  EXPECT_DOUBLE_EQ(TopK(scores, 4, {0, 3}, 3), 0.5);
}

TEST(MetricsTest, ClassesWithoutAScoreNeverCount) {
  const float none = -std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_DOUBLE_EQ(TopK(std::vector<float>{0.5f, none, none}, 3, {1}, 3), 0);
  EXPECT_DOUBLE_EQ(TopK(std::vector<float>{nan, nan, nan}, 3, {0}, 3), 0);
}

TEST(MetricsTest, BalancedAccuracyWeighsClassesEqually) {
  // Nine of class 0, all right; one of class 1, wrong; none of class 2.
  const std::vector<int64_t> labels = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  const std::vector<int64_t> predictions(10, 0);
  const ConfusionMatrix matrix(3, predictions, labels);
  EXPECT_DOUBLE_EQ(matrix.Accuracy(), 0.9);
  EXPECT_DOUBLE_EQ(matrix.BalancedAccuracy(), 0.5);
  EXPECT_DOUBLE_EQ(matrix.Precision(0), 0.9);
  EXPECT_DOUBLE_EQ(matrix.Precision(1), 0);
  EXPECT_DOUBLE_EQ(matrix.Recall(2), 0);
  EXPECT_DOUBLE_EQ(matrix.MacroF1(), (2 * 0.9 / 1.9) / 2);
  EXPECT_EQ(matrix.count(1, 0), 1);
  EXPECT_EQ(matrix.support(0), 9);
}

// Golden numbers: R, prop.test(81, 263, correct = FALSE) gives 0.2553 .. 0.3662 (Newcombe 1998, table I).
TEST(MetricsTest, WilsonIntervalHasPublishedValues) {
  const Interval interval = WilsonInterval(81, 263);
  EXPECT_NEAR(interval.low, 0.2553, 5e-5);
  EXPECT_NEAR(interval.high, 0.3662, 5e-5);
  EXPECT_NEAR(WilsonInterval(0, 20).high, 0.1611, 5e-5);
  EXPECT_DOUBLE_EQ(WilsonInterval(0, 20).low, 0);
  EXPECT_NEAR(WilsonInterval(1, 29).low, 0.0061, 5e-5);
  EXPECT_DOUBLE_EQ(WilsonInterval(20, 20).high, 1);
  EXPECT_DOUBLE_EQ(WilsonInterval(0, 0).low, 0);
  EXPECT_DOUBLE_EQ(WilsonInterval(0, 0).high, 1);
}

}  // namespace
}  // namespace pretext
