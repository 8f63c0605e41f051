#include "proto/cpp/detached_program.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/process_end.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

class DetachedProgramTest : public ::testing::Test {
 protected:
  DetachedProgramTest() {
    std::string folder = ::testing::TempDir() + "/detached.XXXXXX";
    folder_ = std::filesystem::canonical(mkdtemp(folder.data())).string();
    program_.log = folder_ + "/log";
  }
  // Runs a script of the shell to its end; how that was.
  std::string Run(const std::string& script) {
    program_.words = {"/bin/sh", "-c", script};
    const absl::StatusOr<pid_t> pid = StartDetached(program_);
    EXPECT_OK(pid.status());
    siginfo_t info;
    EXPECT_EQ(waitid(P_PID, *pid, &info, WEXITED | WNOWAIT), 0);
    const absl::optional<int> status = WaitStatusIfEnded(*pid);
    EXPECT_TRUE(status.has_value());
    return DescribeEnd(status.value_or(0));
  }
  std::string Said() {
    std::ostringstream text;
    text << std::ifstream(program_.log).rdbuf();
    return text.str();
  }

  std::string folder_;
  DetachedProgram program_;
};

TEST_F(DetachedProgramTest, AppendsWhatItSaysToTheLog) {
  EXPECT_EQ(Run("echo one"), "ended with exit code 0");
  EXPECT_EQ(Run("echo two >&2; exit 3"), "ended with exit code 3");
  EXPECT_EQ(Said(), "one\ntwo\n");
  EXPECT_EQ(Run("kill -9 $$"), "was killed by signal 9");
}

TEST_F(DetachedProgramTest, HasASessionOfItsOwnAndWorksInItsFolder) {
  program_.folder = folder_;
  Run("read -r pid name state parent group session rest < /proc/self/stat; echo $$ $session; pwd");
  std::istringstream said(Said());
  pid_t pid = 0, session = 0;
  std::string folder;
  said >> pid >> session >> folder;
  EXPECT_EQ(session, pid);
  EXPECT_NE(session, getsid(0));
  EXPECT_EQ(folder, folder_);
}

TEST_F(DetachedProgramTest, InheritsNeitherFilesNorSignals) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  signal(SIGPIPE, SIG_IGN);
  EXPECT_EQ(Run("ls /proc/$$/fd; kill -PIPE $$"), "was killed by signal 13");
  signal(SIGPIPE, SIG_DFL);
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(Said(), "0\n1\n2\n");
}

TEST_F(DetachedProgramTest, AddsToTheEnvironmentWhatIsNotSetThere) {
  setenv("DETACHED_OWN", "own", /*overwrite=*/1);
  program_.environment = {"DETACHED_OWN=other", "DETACHED_NEW=new"};
  Run("echo $DETACHED_OWN $DETACHED_NEW");
  unsetenv("DETACHED_OWN");
  EXPECT_EQ(Said(), "own new\n");
}

TEST_F(DetachedProgramTest, PutsALongLogAside) {
  std::ofstream(program_.log) << "old";
  std::filesystem::resize_file(program_.log, (16 << 20) + 1);
  Run("echo new");
  EXPECT_EQ(Said(), "new\n");
  EXPECT_EQ(std::filesystem::file_size(program_.log + ".1"), (16 << 20) + 1);
}

TEST_F(DetachedProgramTest, NamesAProgramThatCannotBeStarted) {
  program_.words = {"/nowhere/program", "argument"};
  EXPECT_THAT(StartDetached(program_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("/nowhere/program argument")));
}

TEST_F(DetachedProgramTest, DoesNotWaitForAProgramThatRuns) {
  program_.words = {"/bin/sh", "-c", "kill -STOP $$"};
  ASSERT_OK_AND_ASSIGN(const pid_t pid, StartDetached(program_));
  EXPECT_FALSE(WaitStatusIfEnded(pid).has_value());
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace pretext
