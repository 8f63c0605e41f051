#include "proto/cpp/quoted_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/utf8.h"

namespace pretext {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

TEST(QuotedTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutBytes("abc", 3), "abc");
  EXPECT_EQ(CutBytes("abcdefgh", 6), "abc...");
  EXPECT_EQ(CutBytes("aäääää", 7), "aä...");
}

TEST(QuotedTextTest, ShowsShortTextsAsTheyAre) {
  EXPECT_EQ(Quoted(""), "''");
  EXPECT_EQ(Quoted("/data/Röntgen"), "'/data/Röntgen'");
}

TEST(QuotedTextTest, EscapesWhatIsNoText) {
  EXPECT_EQ(Quoted("a\xFF"), "'a\\xFF'");
  EXPECT_EQ(Quoted("a\nb"), "'a\\nb'");
}

TEST(QuotedTextTest, KeepsTheCharactersBesideAStrayByte) {
  EXPECT_EQ(Quoted("Röntgen\xE9\x01'"), "'Röntgen\\xE9\\x01''");
}

TEST(QuotedTextTest, ALongRunOfStrayBytesIsCutToo) {
  const std::string quoted = Quoted(std::string(100'000, '\x80'));
  EXPECT_LT(quoted.size(), 4 * 256 + 100);
  EXPECT_THAT(quoted, StartsWith("'\\x80\\x80"));
  EXPECT_THAT(quoted, EndsWith("\\x80' (100000 bytes)"));
}

TEST(QuotedTextTest, ShowsBothEndsOfALongText) {
  std::string text = "begin";
  for (int i = 0; i < 5000; ++i) text += "ä";
  text += "end";
  const std::string quoted = Quoted(text);
  EXPECT_LT(quoted.size(), 300);
  EXPECT_TRUE(IsValidUtf8(quoted)) << quoted;
  EXPECT_THAT(quoted, StartsWith("'beginää"));
  EXPECT_THAT(quoted, EndsWith("ääend' (10008 bytes)"));
}

}  // namespace
}  // namespace pretext
