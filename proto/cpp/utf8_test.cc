#include "proto/cpp/utf8.h"

#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(Utf8Test, KeepsValidTextOfEveryLength) {
  const std::string text = "loss 5.1 \xC3\xBC \xE2\x82\xAC \xF0\x9F\x90\xA7 \xED\x9F\xBF \xF4\x8F\xBF\xBF";
  EXPECT_EQ(ToValidUtf8(text), text);
}

TEST(Utf8Test, ReplacesEveryStrayByte) {
  EXPECT_EQ(ToValidUtf8("caf\xE9.jpg"), "caf\xEF\xBF\xBD.jpg");
  EXPECT_EQ(ToValidUtf8("\x80"), "\xEF\xBF\xBD");
  EXPECT_EQ(ToValidUtf8("\xC3"), "\xEF\xBF\xBD");
  EXPECT_EQ(ToValidUtf8("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8Test, RefusesOverlongFormsSurrogatesAndWhatIsBeyondUnicode) {
  for (const char* bad :
       {"\xC0\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80"}) {
    EXPECT_EQ(ToValidUtf8(bad).find(bad), std::string::npos) << bad;
  }
}

TEST(Utf8Test, TellsValidTextFromStrayBytes) {
  EXPECT_TRUE(IsValidUtf8(""));
  EXPECT_TRUE(IsValidUtf8("caf\xC3\xA9"));
  EXPECT_FALSE(IsValidUtf8("caf\xE9"));
  EXPECT_FALSE(IsValidUtf8("\xC3"));
}

TEST(Utf8Test, EscapesStrayBytesSoThatNamesStayRecognisable) {
  EXPECT_EQ(EscapeStrayBytes("caf\xE9/\xC3\xA9.jpg"), "caf\\xE9/\xC3\xA9.jpg");
}

TEST(Utf8Test, CutsBetweenCharacters) {
  EXPECT_EQ(CutUtf8("a\xE2\x82\xAC", 4), "a\xE2\x82\xAC");
  EXPECT_EQ(CutUtf8("a\xE2\x82\xAC", 3), "a");
  EXPECT_EQ(CutUtf8("a\xE2\x82\xAC", 1), "a");
  EXPECT_EQ(CutUtf8("a\xE2\x82\xAC", 0), "");
  EXPECT_EQ(CutUtf8("\xF0\x9F\x98\x80", 3), "");
}

TEST(Utf8Test, CutsARunOfStrayBytesWhereItIsToldTo) {
  EXPECT_EQ(CutUtf8("a\x80\x80\x80\x80\x80\x80", 5), "a\x80\x80\x80\x80");
  EXPECT_EQ(CutUtf8(std::string(1000, '\x80'), 500).size(), 500);
}

}  // namespace
}  // namespace pretext
