#include "worker/report/metrics_file.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

MetricsRow Row(const std::string& stage, int64_t step) {
  MetricsRow row;
  row.stage = stage;
  row.step = step;
  row.attempt = 2;
  row.time = absl::FromUnixMillis(1'700'000'000'250);
  row.values = {{stage + "/loss", 0.1 * static_cast<double>(step)}};
  return row;
}

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string Path(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove(path);
  return path;
}

TEST(MetricsFileTest, ALineHoldsItsPlaceAndTheValuesUnderTensorBoardsNames) {
  MetricsRow row = Row("pretrain", 3);
  row.epoch = 1;
  row.steps = 400;
  row.values = {{"pretrain/loss", 5.1}, {"pretrain/gradient_norm", std::nan("")}};
  EXPECT_EQ(ToJsonLine(row),
            "{\"stage\":\"pretrain\",\"epoch\":1,\"step\":3,\"steps\":400,\"attempt\":2,\"time\":\"2023-11-"
            "14T22:13:20.250Z\","
            "\"pretrain/loss\":5.1,\"pretrain/gradient_norm\":null}\n");
}

TEST(MetricsFileTest, ALineIsReadBackBitForBit) {
  MetricsRow row = Row("pretrain", 3);
  row.epoch = 1;
  row.steps = 400;
  row.values = {{"pretrain/loss", 0.1 + 0.2}, {"pretrain/x", 1e-310}, {"pretrain/nan", std::nan("")}};
  const absl::optional<MetricsRow> read = FromJsonLine(ToJsonLine(row));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->stage, "pretrain");
  EXPECT_EQ(read->epoch, 1);
  EXPECT_EQ(read->step, 3);
  EXPECT_EQ(read->steps, 400);
  EXPECT_EQ(read->attempt, 2);
  EXPECT_EQ(read->time, row.time);
  ASSERT_EQ(read->values.size(), 3);
  EXPECT_EQ(read->values[0], row.values[0]);
  EXPECT_EQ(read->values[1], row.values[1]);
  EXPECT_TRUE(std::isnan(read->values[2].second));
}

TEST(MetricsFileTest, WhatIsNoLineIsToldApart) {
  for (const char* text : {"", "{\"stage\":\"pretr", "[1]", "{}", "{\"stage\":\"a\"}", "{\"step\":1}",
                           "{\"stage\":1,\"step\":1}", "{\"stage\":\"a\",\"step\":1.5}", "\xFF\x00"}) {
    EXPECT_FALSE(FromJsonLine(text).has_value()) << text;
  }
}

TEST(MetricsFileTest, FilterDropsWhatIsRefusedAndCutLinesAndGoesOn) {
  const std::string path = Path("filter.jsonl");
  {
    std::ofstream file(path);
    file << ToJsonLine(Row("a", 1)) << ToJsonLine(Row("a", 2)) << "garbage\n" << ToJsonLine(Row("b", 1));
    file << "{\"stage\":\"b\",\"step\":2,\"b/lo";
  }
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<MetricsFile> file, MetricsFile::Open(path));
  std::vector<std::string> asked;
  ASSERT_OK_AND_ASSIGN(const int64_t dropped, file->Filter([&](const MetricsRow& row) {
    asked.push_back(row.stage + std::to_string(row.step));
    return row.stage == "b" || row.step == 1;
  }));
  EXPECT_EQ(dropped, 3);
  EXPECT_THAT(asked, ElementsAre("a1", "a2", "b1"));
  EXPECT_OK(file->Append(Row("b", 2)));
  EXPECT_EQ(Read(path), ToJsonLine(Row("a", 1)) + ToJsonLine(Row("b", 1)) + ToJsonLine(Row("b", 2)));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(MetricsFileTest, ACutLineIsDroppedEvenIfItHappensToBeWhole) {
  const std::string path = Path("whole.jsonl");
  const std::string line = ToJsonLine(Row("a", 1));
  std::ofstream(path) << line << line.substr(0, line.size() - 1);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<MetricsFile> file, MetricsFile::Open(path));
  EXPECT_THAT(file->Filter([](const MetricsRow&) { return true; }), IsOk());
  EXPECT_EQ(Read(path), line);
}

TEST(MetricsFileTest, FilterOfAnIntactFileLeavesItAlone) {
  const std::string path = Path("intact.jsonl");
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<MetricsFile> file, MetricsFile::Open(path));
  for (int step = 1; step < 20'000; ++step) ASSERT_OK(file->Append(Row("a", step)));
  const std::string before = Read(path);
  int64_t seen = 0;
  ASSERT_OK_AND_ASSIGN(const int64_t dropped, file->Filter([&](const MetricsRow&) { return ++seen > 0; }));
  EXPECT_EQ(dropped, 0);
  EXPECT_EQ(seen, 19'999);
  EXPECT_EQ(Read(path), before);
  // And a large one is copied whole but for what is dropped.
  EXPECT_THAT(file->Filter([](const MetricsRow& row) { return row.step != 7; }), IsOk());
  EXPECT_EQ(Read(path).size(), before.size() - ToJsonLine(Row("a", 7)).size());
}

}  // namespace
}  // namespace pretext
