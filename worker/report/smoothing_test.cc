#include "worker/report/smoothing.h"

#include <cmath>

#include "gtest/gtest.h"

namespace pretext {
namespace {

std::vector<SeriesPoint> Series(int count, double (*value)(int)) {
  CondensedSeries series;
  for (int i = 0; i < count; ++i) series.Add(i, value(i));
  return series.points();
}

TEST(SmoothingTest, LeavesAShortSeriesAsItIs) {
  const std::vector<double> smooth = SmoothedMeans(Series(10, [](int i) { return i % 2 + 0.0; }));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(smooth[i], i % 2);
}

TEST(SmoothingTest, KeepsAConstantToTheVeryEnds) {
  for (const double value : SmoothedMeans(Series(500, [](int) { return 7.0; }))) EXPECT_NEAR(value, 7, 1e-12);
}

TEST(SmoothingTest, TakesAwayNoiseAndKeepsTheTrendInPlace) {
  const std::vector<double> smooth =
      SmoothedMeans(Series(1000, [](int i) { return 0.01 * i + (i % 2 == 0 ? 1 : -1); }));
  for (int i = 100; i < 900; ++i) EXPECT_NEAR(smooth[i], 0.01 * i, 0.06) << i;
}

}  // namespace
}  // namespace pretext
