#include "proto/cpp/proto_time.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(ProtoTimeTest, KeepsTimesToTheNanosecond) {
  const absl::Time time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  const google::protobuf::Timestamp timestamp = ToTimestamp(time);
  EXPECT_EQ(timestamp.seconds(), 1'700'000'000);
  EXPECT_EQ(timestamp.nanos(), 123'456'789);
  EXPECT_EQ(FromTimestamp(timestamp), time);
}

// As the format wants it: nanos count forward in time, and are never negative.
TEST(ProtoTimeTest, RoundsSecondsDownBefore1970) {
  const absl::Time time = absl::UnixEpoch() - absl::Milliseconds(1500);
  EXPECT_EQ(ToTimestamp(time).seconds(), -2);
  EXPECT_EQ(ToTimestamp(time).nanos(), 500'000'000);
  EXPECT_EQ(FromTimestamp(ToTimestamp(time)), time);
}

TEST(ProtoTimeTest, HoldsTimesThatNanosecondsSince1970DoNot) {
  const absl::Time time = absl::FromCivil(absl::CivilDay(9999, 12, 31), absl::UTCTimeZone());
  EXPECT_EQ(FromTimestamp(ToTimestamp(time)), time);
}

// As the format wants it: both parts have the sign of the whole.
TEST(ProtoTimeTest, KeepsDurationsOfEitherSign) {
  for (const absl::Duration duration : {absl::Milliseconds(1250), -absl::Milliseconds(1250),
                                        absl::Nanoseconds(1), absl::ZeroDuration(), absl::Hours(30)}) {
    EXPECT_EQ(FromProtoDuration(ToProtoDuration(duration)), duration);
  }
  EXPECT_EQ(ToProtoDuration(-absl::Milliseconds(1250)).seconds(), -1);
  EXPECT_EQ(ToProtoDuration(-absl::Milliseconds(1250)).nanos(), -250'000'000);
}

}  // namespace
}  // namespace pretext
