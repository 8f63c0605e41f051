#include "worker/report/axis_scale.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(AxisScaleTest, TicksAreRoundAndWithinTheRange) {
  const AxisScale scale = MakeAxisScale(0.13, 0.92, /*ticks=*/5, /*round_ends=*/false);
  EXPECT_EQ(scale.low, 0.13);
  EXPECT_EQ(scale.high, 0.92);
  EXPECT_THAT(scale.ticks, Pointwise(testing::DoubleNear(1e-12), {0.2, 0.4, 0.6, 0.8}));
}

TEST(AxisScaleTest, RoundEndsAreTicks) {
  const AxisScale scale = MakeAxisScale(0.13, 0.92, 5, /*round_ends=*/true);
  EXPECT_THAT(scale.ticks, Pointwise(testing::DoubleNear(1e-12), {0.0, 0.2, 0.4, 0.6, 0.8, 1.0}));
  EXPECT_EQ(scale.low, scale.ticks.front());
  EXPECT_EQ(scale.high, scale.ticks.back());
}

TEST(AxisScaleTest, ARangeOfOneValueHasWidth) {
  for (const double value : {0.0, 5.5, -1e9, 1e-9}) {
    const AxisScale scale = MakeAxisScale(value, value, 5, true);
    EXPECT_LT(scale.low, value);
    EXPECT_GT(scale.high, value);
    EXPECT_GE(scale.ticks.size(), 2);
    EXPECT_LE(scale.ticks.size(), 12);
  }
}

TEST(AxisScaleTest, LabelsHaveTheDigitsTheyNeed) {
  EXPECT_EQ(FormatTick(0.05, 0.05), "0.05");
  EXPECT_EQ(FormatTick(0.1, 0.05), "0.10");
  EXPECT_EQ(FormatTick(2, 0.5), "2.0");
  EXPECT_EQ(FormatTick(-1e-17, 0.5), "0");
  EXPECT_EQ(FormatTick(950, 50), "950");
  EXPECT_EQ(FormatTick(1000, 50), "1000");
  EXPECT_EQ(FormatTick(1500, 500), "1.5k");
  EXPECT_EQ(FormatTick(12000, 2000), "12k");
  EXPECT_EQ(FormatTick(1'250'000, 250'000), "1.25M");
  EXPECT_EQ(FormatTick(0.00002, 0.00001), "2e-05");
}

TEST(AxisScaleTest, ValuesHaveFourDigits) {
  EXPECT_EQ(FormatValue(5.12345), "5.123");
  EXPECT_EQ(FormatValue(0.25), "0.25");
  EXPECT_EQ(FormatValue(12345.6), "12346");
  EXPECT_EQ(FormatValue(0), "0");
  EXPECT_EQ(FormatValue(0.0003), "0.0003");
  EXPECT_EQ(FormatValue(0.00000123), "1.23e-06");
  EXPECT_EQ(FormatValue(-8.318), "-8.318");
}

}  // namespace
}  // namespace pretext
