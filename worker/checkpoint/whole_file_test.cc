#include "worker/checkpoint/whole_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class WholeFileTest : public ::testing::Test {
 protected:
  WholeFileTest()
      : folder_(absl::StrCat(::testing::TempDir(), "/whole-",
                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  std::string Read(const std::string& name) const {
    std::ifstream file(folder_ + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
};

TEST_F(WholeFileTest, ReplacesAFileAndLeavesNothingBeside) {
  ASSERT_OK(WriteWholeFile(folder_ + "/a", "first"));
  ASSERT_OK(WriteWholeFile(folder_ + "/a", "second"));
  EXPECT_EQ(Read("/a"), "second");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/a.partial"));
}

TEST_F(WholeFileTest, MakesEveryFolderThatIsMissing) {
  ASSERT_OK(MakeFolders(folder_ + "/a/b/c/"));
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/a/b/c"));
  EXPECT_OK(MakeFolders(folder_ + "/a/b/c"));
}

TEST_F(WholeFileTest, AFileInTheWayOfAFolderIsTheJobsFault) {
  ASSERT_OK(WriteWholeFile(folder_ + "/file", "x"));
  EXPECT_THAT(MakeFolders(folder_ + "/file/out"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("/file: File exists"), HasSubstr("give the job an output"))));
  EXPECT_EQ(Read("/file"), "x");
}

TEST_F(WholeFileTest, AFullDiskIsToldApartFromOtherFaults) {
  const absl::Status full = FileError("write", "/out/a", ENOSPC);
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("make room")));
  EXPECT_EQ(GetReason(full), "DISK_FULL");
  EXPECT_THAT(FileError("write", "/out/a", EIO), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace pretext
