#include "worker/agent/rank_log.h"

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

class RankLogTest : public ::testing::Test {
 protected:
  RankLogTest() {
    std::string name = absl::StrCat(::testing::TempDir(), "/rank_log.XXXXXX");
    folder_ = mkdtemp(name.data());
  }
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(folder_, "/", name);
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  std::string folder_;
};

TEST_F(RankLogTest, NamesTheJobTheAttemptAndTheRank) {
  v1::RankAssignment assignment;
  assignment.set_job("jobs/7-xray");
  assignment.set_attempt(2);
  assignment.set_rank(3);
  EXPECT_EQ(RankLogPath("/logs", assignment), "/logs/7-xray-2-3.log");
}

TEST_F(RankLogTest, QuotesTheLastLines) {
  const std::string path = Write("a.log", "one\ntwo\n\nthree\r\n  four\x1b[0m\n");
  EXPECT_EQ(ReadLastWords(path, 3), "two | three | four[0m");
  EXPECT_EQ(ReadLastWords(path, 1), "four[0m");
}

TEST_F(RankLogTest, ReadsNoMoreThanTheEndOfALongLog) {
  const std::string words = ReadLastWords(Write("a.log", std::string(100000, 'x') + "\nend"), 3, 100);
  EXPECT_LE(words.size(), 110);
  EXPECT_TRUE(absl::EndsWith(words, "x | end"));
}

TEST_F(RankLogTest, LeavesOutWhatIsNotUtf8) {
  EXPECT_EQ(ReadLastWords(Write("a.log", "\x80\xbf B\xc3\xa4r \xff\xfe \xe2\x82\xac\n\xe2\x82")),
            "B\xc3\xa4r  \xe2\x82\xac");
}

TEST_F(RankLogTest, HasNothingToSayOfAnEmptyOrMissingLog) {
  EXPECT_EQ(ReadLastWords(Write("a.log", "")), "");
  EXPECT_EQ(ReadLastWords(folder_ + "/none.log"), "");
}

TEST_F(RankLogTest, DeletesTheOldestLogsAndNothingElse) {
  using std::filesystem::file_time_type;
  for (int i = 0; i < 5; ++i) {
    const std::string path = Write(absl::StrCat(i, ".log"), "x");
    std::filesystem::last_write_time(path, file_time_type() + std::chrono::hours(10 - i));
  }
  Write("agent.lock", "");
  PruneRankLogs(folder_, 2);
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/0.log"));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/1.log"));
  for (int i = 2; i < 5; ++i) EXPECT_FALSE(std::filesystem::exists(absl::StrCat(folder_, "/", i, ".log")));
  EXPECT_TRUE(std::filesystem::exists(folder_ + "/agent.lock"));
}

}  // namespace
}  // namespace pretext
