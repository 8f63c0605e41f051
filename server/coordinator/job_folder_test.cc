#include "server/coordinator/job_folder.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

class JobFolderTest : public ::testing::Test {
 protected:
  JobFolderTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/state.XXXXXX");
    state_ = mkdtemp(folder.data());
  }
  std::string MakeFolder(const std::string& path) {
    std::filesystem::create_directories(path + "/checkpoints");
    std::ofstream(path + "/log.txt") << "text";
    return path;
  }
  std::string state_;
};

TEST_F(JobFolderTest, RemovesTheCoordinatorsOwnFolder) {
  const std::string folder = MakeFolder(OwnJobFolder(state_, "jobs/3-xray"));
  ASSERT_OK(RemoveOwnJobFolder(state_, "jobs/3-xray", folder));
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(JobFolderTest, LeavesFoldersOfPeopleAlone) {
  const std::string folder = MakeFolder(state_ + "/out");
  ASSERT_OK(RemoveOwnJobFolder(state_, "jobs/3-xray", folder));
  EXPECT_TRUE(std::filesystem::exists(folder + "/log.txt"));
}

TEST_F(JobFolderTest, LeavesTheFolderOfAnotherJobAlone) {
  const std::string folder = MakeFolder(OwnJobFolder(state_, "jobs/4"));
  ASSERT_OK(RemoveOwnJobFolder(state_, "jobs/3-xray", folder));
  EXPECT_TRUE(std::filesystem::exists(folder));
}

TEST_F(JobFolderTest, FinishesARemovalThatWasCutShort) {
  MakeFolder(state_ + "/trash/3-xray");
  ASSERT_OK(EmptyTrash(state_));
  EXPECT_FALSE(std::filesystem::exists(state_ + "/trash"));
}

}  // namespace
}  // namespace pretext
