#include "server/state_folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class StateFolderTest : public ::testing::Test {
 protected:
  StateFolderTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/state.XXXXXX");
    root_ = std::filesystem::canonical(mkdtemp(folder.data()));
  }
  std::string root_;
};

TEST_F(StateFolderTest, MakesTheFolderForThisUserAlone) {
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<StateFolder> folder, StateFolder::Hold(root_ + "/a/b"));
  struct stat status;
  ASSERT_EQ(stat((root_ + "/a/b").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700);
  EXPECT_EQ(folder->Path("x"), folder->path() + "/x");
}

TEST_F(StateFolderTest, IsHeldByOneAtATimeAndNamesTheHolder) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<StateFolder> folder, StateFolder::Hold(root_));
  EXPECT_THAT(StateFolder::Hold(root_), StatusIs(absl::StatusCode::kFailedPrecondition,
                                                 AllOf(HasSubstr(root_), HasSubstr(absl::StrCat(getpid())))));
  folder.reset();
  EXPECT_OK(StateFolder::Hold(root_).status());
}

TEST_F(StateFolderTest, SaysWhenItCannotBeMade) {
  EXPECT_THAT(StateFolder::Hold("/proc/nothing"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/proc/nothing")));
}

}  // namespace
}  // namespace pretext
