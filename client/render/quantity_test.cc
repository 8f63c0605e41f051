#include "client/render/quantity.h"

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(QuantityTest, NumbersAreGroupedByThousands) {
  EXPECT_EQ(GroupedText(0), "0");
  EXPECT_EQ(GroupedText(999), "999");
  EXPECT_EQ(GroupedText(60000), "60,000");
  EXPECT_EQ(GroupedText(-1234567), "-1,234,567");
}

TEST(QuantityTest, NumbersHaveFourDigitsThatMean) {
  EXPECT_EQ(NumberText(7.01234), "7.012");
  EXPECT_EQ(NumberText(0.00123456), "0.001235");
  EXPECT_EQ(NumberText(1.2e-9), "1.2e-09");
  EXPECT_EQ(NumberText(1532.4), "1,532");
  EXPECT_EQ(NumberText(65536), "65,536");
  EXPECT_EQ(NumberText(std::nan("")), "nan");
  EXPECT_EQ(NumberText(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(QuantityTest, SharesArePercent) {
  EXPECT_EQ(PercentText(0.84213), "84.2 %");
  EXPECT_EQ(PercentText(1, 0), "100 %");
}

TEST(QuantityTest, BytesGrowUnits) {
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1024), "1.0 KiB");
  EXPECT_EQ(BytesText(1048575), "1.0 MiB");
  EXPECT_EQ(BytesText(46851072), "44.7 MiB");
}

TEST(QuantityTest, DurationsHaveTwoUnitsAtMost) {
  EXPECT_EQ(DurationText(absl::Milliseconds(350)), "0.3 s");
  EXPECT_EQ(DurationText(absl::Seconds(59.6)), "1 min 00 s");
  EXPECT_EQ(DurationText(absl::Seconds(192)), "3 min 12 s");
  EXPECT_EQ(DurationText(absl::Minutes(125)), "2 h 05 min");
  EXPECT_EQ(DurationText(absl::Hours(76)), "3 d 04 h");
  EXPECT_EQ(DurationText(-absl::Seconds(5)), "0.0 s");
  EXPECT_EQ(DurationText(absl::InfiniteDuration()), "for ever");
}

TEST(QuantityTest, AgesHaveOneUnit) {
  const absl::Time now = absl::FromUnixSeconds(1000000);
  google::protobuf::Timestamp time;
  EXPECT_EQ(AgeText(time, now), "-");
  time.set_seconds(1000000 - 200);
  EXPECT_EQ(AgeText(time, now), "3 min");
  time.set_seconds(1000000 - 3 * 86400);
  EXPECT_EQ(AgeText(time, now), "3 d");
  time.set_seconds(1000005);  // another machine's clock
  EXPECT_EQ(AgeText(time, now), "0 s");
}

}  // namespace
}  // namespace pretext
