#include "worker/report/missing_records.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

const absl::Status kFull = absl::ResourceExhaustedError("No space left on device");

TEST(MissingRecordsTest, SpeaksWhenTheDiskFillsAndWhenThereIsRoomAgain) {
  MissingRecords missing;
  EXPECT_FALSE(missing.Note("metrics.jsonl", absl::OkStatus()).has_value());
  const auto first = missing.Note("metrics.jsonl", kFull);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->severity, v1::LogLine::WARNING);
  EXPECT_THAT(first->text, HasSubstr("metrics.jsonl is not written for now (No space left on device)"));
  EXPECT_FALSE(missing.Note("metrics.jsonl", kFull).has_value());
  EXPECT_FALSE(missing.Note("log.txt", absl::OkStatus()).has_value());
  const auto again = missing.Note("metrics.jsonl", absl::OkStatus());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->text, "metrics.jsonl is written again; records missing from it: 2");
  EXPECT_TRUE(missing.Rest().empty());
}

TEST(MissingRecordsTest, CountsTheRestAtTheEnd) {
  MissingRecords missing;
  for (int i = 0; i < 3; ++i) missing.Note("metrics.jsonl", kFull);
  ASSERT_EQ(missing.Rest().size(), 1);
  EXPECT_EQ(missing.Rest()[0].text, "records missing from metrics.jsonl: 3");
}

}  // namespace
}  // namespace pretext
