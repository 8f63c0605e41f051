#include "worker/report/condensed_series.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(CondensedSeriesTest, KeepsAShortSeriesAsItIs) {
  CondensedSeries series(/*points=*/4);
  for (int step = 1; step <= 8; ++step) series.Add(step, 10 * step);
  ASSERT_EQ(series.points().size(), 8);
  EXPECT_EQ(series.points()[7].x, 8);
  EXPECT_EQ(series.points()[7].mean, 80);
  EXPECT_EQ(series.points()[7].count, 1);
}

TEST(CondensedSeriesTest, MergesNeighboursOfALongOneIntoEqualParts) {
  CondensedSeries series(/*points=*/4);
  for (int step = 0; step < 64; ++step) series.Add(step, step % 2 == 0 ? step : -step);
  // 64 values in 8 points of 8.
  ASSERT_EQ(series.points().size(), 8);
  for (int i = 0; i < 8; ++i) {
    const SeriesPoint& point = series.points()[i];
    EXPECT_EQ(point.count, 8);
    EXPECT_NEAR(point.x, 8 * i + 3.5, 1e-12);
    EXPECT_NEAR(point.mean, -0.5, 1e-12);
    EXPECT_EQ(point.high, 8 * i + 6);
    EXPECT_EQ(point.low, -(8 * i + 7));
  }
}

TEST(CondensedSeriesTest, NeverHoldsMoreThanTwiceItsPointsAndLosesNoValue) {
  CondensedSeries series(/*points=*/16);
  for (int step = 1; step <= 10'000; ++step) {
    series.Add(step, 2.0);
    ASSERT_LE(series.points().size(), 32);
  }
  int64_t count = 0;
  for (const SeriesPoint& point : series.points()) {
    count += point.count;
    EXPECT_DOUBLE_EQ(point.mean, 2.0);
  }
  EXPECT_EQ(count, 10'000);
  EXPECT_GE(series.points().size(), 16);
}

TEST(CondensedSeriesTest, LeavesOutWhatIsNotFinite) {
  CondensedSeries series;
  series.Add(1, std::numeric_limits<double>::infinity());
  series.Add(2, std::nan(""));
  EXPECT_TRUE(series.points().empty());
}

}  // namespace
}  // namespace pretext
