#include "proto/cpp/file_lock.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

class FileLockTest : public ::testing::Test {
 protected:
  FileLockTest() {
    std::string folder = ::testing::TempDir() + "/lock.XXXXXX";
    path_ = mkdtemp(folder.data()) + std::string("/a.lock");
  }
  bool IsLocked() {
    const absl::StatusOr<bool> locked = IsFileLocked(path_);
    EXPECT_OK(locked.status());
    return locked.ok() && *locked;
  }
  std::string path_;
};

TEST_F(FileLockTest, IsHeldByOneAtATimeUntilItIsClosed) {
  EXPECT_FALSE(IsLocked());
  ASSERT_OK_AND_ASSIGN(const int file, TakeFileLock(path_));
  EXPECT_TRUE(IsLocked());
  EXPECT_THAT(TakeFileLock(path_), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(path_)));
  close(file);
  EXPECT_FALSE(IsLocked());
  ASSERT_OK_AND_ASSIGN(const int again, TakeFileLock(path_));
  close(again);
}

TEST_F(FileLockTest, TellsWhoTookIt) {
  EXPECT_EQ(ReadLockHolder(path_), 0);
  ASSERT_OK_AND_ASSIGN(const int file, TakeFileLock(path_));
  EXPECT_EQ(ReadLockHolder(path_), getpid());
  close(file);
  EXPECT_EQ(ReadLockHolder(path_), getpid()) << "who held it last";
}

TEST_F(FileLockTest, AskingDoesNotMakeTheFile) {
  EXPECT_FALSE(IsLocked());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
}

TEST_F(FileLockTest, IsOfThisUserAlone) {
  ASSERT_OK_AND_ASSIGN(const int file, TakeFileLock(path_));
  struct stat status;
  ASSERT_EQ(fstat(file, &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600);
  close(file);
}

TEST_F(FileLockTest, SaysWhichFileCannotBeOpened) {
  EXPECT_THAT(TakeFileLock("/nowhere/a.lock"),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/nowhere/a.lock")));
  EXPECT_THAT(IsFileLocked(path_ + std::string(300, 'x')), StatusIs(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace pretext
