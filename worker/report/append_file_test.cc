#include "worker/report/append_file.h"

#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <iterator>

#include "gtest/gtest.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(AppendFileTest, GoesOnWhereTheFileEnds) {
  const std::string path = testing::TempDir() + "/goes_on";
  std::ofstream(path) << "one\n";
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<AppendFile> file, AppendFile::Open(path));
  EXPECT_OK(file->Append("two\n"));
  EXPECT_OK(file->Append("three\n"));
  EXPECT_OK(file->Sync());
  EXPECT_EQ(Read(path), "one\ntwo\nthree\n");
}

TEST(AppendFileTest, TakesBackWhatDidNotFitAndGoesOnOnceThereIsRoom) {
  const std::string path = testing::TempDir() + "/no_room";
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<AppendFile> file, AppendFile::Open(path));
  EXPECT_OK(file->Append("12345678"));
  // A limit of the process stands in for a full disk: five of eight bytes fit.
  signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited;
  getrlimit(RLIMIT_FSIZE, &unlimited);
  rlimit limit = unlimited;
  limit.rlim_cur = 13;
  setrlimit(RLIMIT_FSIZE, &limit);
  const absl::Status refused = file->Append("abcdefgh");
  setrlimit(RLIMIT_FSIZE, &unlimited);
  EXPECT_THAT(refused.ToString(), testing::HasSubstr(path));
  EXPECT_EQ(Read(path), "12345678");
  EXPECT_OK(file->Append("xyz"));
  EXPECT_EQ(Read(path), "12345678xyz");
}

TEST(AppendFileTest, NamesTheFileThatCannotBeOpened) {
  EXPECT_THAT(AppendFile::Open("/nowhere/at/all"),
              StatusIs(absl::StatusCode::kNotFound, testing::HasSubstr("/nowhere/at/all")));
}

}  // namespace
}  // namespace pretext
