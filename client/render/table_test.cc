#include "client/render/table.h"

#include "client/render/plain_text.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

Table Example() {
  Table table({{"NAME"}, {"STEPS", Table::Align::kRight}, {"REASON"}});
  table.AddRow({"jobs/1-xray", "1,200", ""});
  table.AddRow({"jobs/2", "7", "waits for 2 GPUs: 1 of 2 is free"});
  return table;
}

TEST(TableTest, AlignsColumns) {
  EXPECT_EQ(Example().Text(),
            "NAME         STEPS  REASON\n"
            "jobs/1-xray  1,200\n"
            "jobs/2           7  waits for 2 GPUs: 1 of 2 is free\n");
}

TEST(TableTest, CutsItsLastColumnToTheTerminal) {
  EXPECT_EQ(Example().Text(/*width=*/40),
            "NAME         STEPS  REASON\n"
            "jobs/1-xray  1,200\n"
            "jobs/2           7  waits for 2 GPUs:...\n");
}

TEST(TableTest, CountsCharactersNotBytes) {
  Table table({{"NAME"}, {"X"}});
  table.AddRow({"Größe", "1"});
  table.AddRow({"seven77", "2"});
  EXPECT_EQ(table.Text(), "NAME     X\nGröße    1\nseven77  2\n");
}

TEST(PlainTextTest, NobodyElsesTextSteersTheTerminal) {
  EXPECT_EQ(OneLine("a\x1b[2Jb\nc\x7f"), "a [2Jb c");
  EXPECT_EQ(OneLine("caf\xc3\xa9 \xff\xc3"), "café ??");
  EXPECT_EQ(OneLine("\xc2\x9b"
                    "31mred"),
            " 31mred");
}

TEST(PlainTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutTo("Größe", 5), "Größe");
  EXPECT_EQ(CutTo("Größenordnung", 7), "Größ...");
  EXPECT_EQ(CutTo("abcdef", 2), "..");
}

TEST(PlainTextTest, QuotesWordsForTheShellWhereNeeded) {
  EXPECT_EQ(ShellWord("/data/x-ray_1.csv"), "/data/x-ray_1.csv");
  EXPECT_EQ(ShellWord("my pictures"), "'my pictures'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace pretext
