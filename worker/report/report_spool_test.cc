#include "worker/report/report_spool.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

v1::ReportRequest Report(int64_t step, int points) {
  v1::ReportRequest report;
  for (int i = 0; i < points; ++i) {
    report.add_metrics()->set_metric("pretrain/loss");
    report.mutable_metrics(i)->set_step(step);
  }
  return report;
}

TEST(ReportSpoolTest, GivesBackInOrderWhatItWasGivenAndLeavesNoFile) {
  const std::string folder = testing::TempDir() + "/spool";
  std::filesystem::create_directory(folder);
  ReportSpool spool(folder);
  // Filled and emptied twice: the file is used again.
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(spool.empty());
    for (int i = 0; i < 5; ++i) EXPECT_OK(spool.Append(Report(i, 100 * i)));
    for (int i = 0; i < 5; ++i) {
      ASSERT_FALSE(spool.empty());
      ASSERT_OK_AND_ASSIGN(const v1::ReportRequest report, spool.TakeFirst());
      EXPECT_EQ(report.SerializeAsString(), Report(i, 100 * i).SerializeAsString());
    }
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(ReportSpoolTest, SaysWhichFolderCannotBeWritten) {
  ReportSpool spool("/nowhere/at/all");
  EXPECT_THAT(spool.Append(Report(1, 1)),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("/nowhere/at/all")));
  EXPECT_TRUE(spool.empty());
}

}  // namespace
}  // namespace pretext
