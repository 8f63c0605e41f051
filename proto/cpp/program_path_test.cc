#include "proto/cpp/program_path.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ProgramPathTest : public ::testing::Test {
 protected:
  ProgramPathTest() {
    std::string root = ::testing::TempDir() + "/path.XXXXXX";
    root_ = mkdtemp(root.data());
    std::filesystem::create_directories(root_ + "/bin");
  }
  void Make(const std::string& path, mode_t mode = 0755) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << "#!/bin/sh\n";
    chmod((root_ + path).c_str(), mode);
  }
  absl::StatusOr<std::string> Find() {
    return FindProgram("pretext-worker", "worker", root_ + "/bin", "/nowhere:" + root_ + "/far");
  }
  std::string root_;
};

TEST_F(ProgramPathTest, PrefersTheNearestPlace) {
  Make("/far/pretext-worker");
  EXPECT_EQ(*Find(), root_ + "/far/pretext-worker");
  Make("/worker/pretext-worker");
  EXPECT_EQ(*Find(), root_ + "/bin/../worker/pretext-worker");
  Make("/bin/pretext-worker");
  EXPECT_EQ(*Find(), root_ + "/bin/pretext-worker");
}

TEST_F(ProgramPathTest, SaysWhereItLooked) {
  Make("/bin/pretext-worker", 0644);  // no program
  EXPECT_THAT(Find(),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("pretext-worker"), HasSubstr(root_ + "/bin"), HasSubstr("$PATH"))));
}

TEST_F(ProgramPathTest, KnowsTheFolderOfTheProgramThatRuns) {
  EXPECT_TRUE(std::filesystem::exists(ProgramFolder() + "/program_path_test"));
}

}  // namespace
}  // namespace pretext
