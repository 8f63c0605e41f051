#include "proto/cpp/log.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::EndsWith;
using ::testing::MatchesRegex;
using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

TEST(LogTest, WritesOneLineOfWordsAndPairs) {
  CaptureStderr();
  Log(LogSeverity::kInfo, "job submitted", {{"job", "jobs/7-xray"}, {"priority", 3}});
  EXPECT_THAT(GetCapturedStderr(),
              MatchesRegex("[0-9-]+T[0-9:]+\\.[0-9]+Z INFO job submitted job=jobs/7-xray priority=3\n"));
}

TEST(LogTest, QuotesValuesThatWouldBreakTheLine) {
  EXPECT_EQ(FormatLogFields({{"reason", "two\nlines \"quoted\""}, {"empty", ""}, {"plain", "jobs/1"}}),
            "reason=\"two\\nlines \\\"quoted\\\"\" empty=\"\" plain=jobs/1");
}

TEST(LogTest, TakesBracesLiterally) {
  CaptureStderr();
  Log(LogSeverity::kWarning, "odd {} name", {{"name", "{0}"}});
  EXPECT_THAT(GetCapturedStderr(), EndsWith("WARNING odd {} name name={0}\n"));
}

TEST(LogTest, LeavesOutLinesBelowTheThreshold) {
  SetLogThreshold(LogSeverity::kWarning);
  CaptureStderr();
  Log(LogSeverity::kInfo, "not seen");
  Log(LogSeverity::kError, "seen");
  EXPECT_THAT(GetCapturedStderr(), MatchesRegex("[^\n]*ERROR seen\n"));
  SetLogThreshold(LogSeverity::kInfo);
}

}  // namespace
}  // namespace pretext
