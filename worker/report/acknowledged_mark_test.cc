#include "worker/report/acknowledged_mark.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

std::string Folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "/" + name;
  std::filesystem::create_directories(folder);
  return folder;
}

TEST(AcknowledgedMarkTest, IsReadBackAsLastWritten) {
  const std::string folder = Folder("mark");
  EXPECT_OK(WriteAcknowledgedMark(folder, {"a-stage-with-a-long-name", 1234567890123}));
  EXPECT_OK(WriteAcknowledgedMark(folder, {"b", 7}));
  ASSERT_OK_AND_ASSIGN(const AcknowledgedPoint point, ReadAcknowledgedMark(folder));
  EXPECT_EQ(point.stage, "b");
  EXPECT_EQ(point.step, 7);
}

TEST(AcknowledgedMarkTest, IsEmptyWhereNothingWasAcknowledged) {
  ASSERT_OK_AND_ASSIGN(const AcknowledgedPoint point, ReadAcknowledgedMark(Folder("no_mark")));
  EXPECT_EQ(point.stage, "");
  EXPECT_EQ(point.step, 0);
}

TEST(AcknowledgedMarkTest, IsRefusedWhenGarbled) {
  const std::string folder = Folder("garbled_mark");
  std::ofstream(folder + "/" + kAcknowledgedMarkName) << "pretrain many\n";
  EXPECT_THAT(ReadAcknowledgedMark(folder),
              StatusIs(absl::StatusCode::kDataLoss, testing::HasSubstr("remove it")));
}

}  // namespace
}  // namespace pretext
