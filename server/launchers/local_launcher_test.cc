#include "server/launchers/local_launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/cpp/fake_clock.h"
#include "proto/cpp/status_matchers.h"
#include "server/launchers/registry.h"

namespace pretext {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class LocalLauncherTest : public ::testing::Test {
 protected:
  LocalLauncherTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/launcher.XXXXXX");
    options_.agent_directory = mkdtemp(folder.data());
    options_.find_worker = [] { return "server/launchers/fake_agent"; };
    options_.coordinator_address = "unix:worker.sock";
    EXPECT_EQ(mkfifo(absl::StrCat(options_.agent_directory, "/said").c_str(), 0600), 0);
  }

  ~LocalLauncherTest() override {
    for (const pid_t pid : started_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

  // Blocks until an agent that was started speaks.
  std::string NextAgentSays() {
    std::ifstream pipe(absl::StrCat(options_.agent_directory, "/said"));
    std::string line;
    std::getline(pipe, line);
    pid_t pid = 0;
    EXPECT_TRUE(absl::SimpleAtoi(
        std::pair<std::string, std::string>(absl::StrSplit(line, absl::MaxSplits(' ', 1))).first, &pid));
    started_.push_back(pid);
    return line;
  }

  // Ends the newest agent and waits until it is a zombie, so that its end can be noticed.
  void KillAgent() {
    kill(started_.back(), SIGKILL);
    AwaitEnd();
  }
  void AwaitEnd() {
    siginfo_t info;
    EXPECT_EQ(waitid(P_PID, started_.back(), &info, WEXITED | WNOWAIT), 0);
  }

  FakeClock clock_;
  ClusterState state_;
  LocalLauncherOptions options_;
  std::vector<pid_t> started_;
};

TEST_F(LocalLauncherTest, StartsOneAgentInASessionOfItsOwn) {
  options_.cpu_slots = 3;
  LocalLauncher launcher(options_, &clock_);
  ASSERT_OK(launcher.EnsureAgents(state_));
  EXPECT_THAT(NextAgentSays(),
              AllOf(HasSubstr(absl::StrCat("agent --coordinator unix:worker.sock --node nodes/local --state ",
                                           options_.agent_directory, " --cpu-slots 3")),
                    EndsWith("own-session")));
  ASSERT_OK(launcher.EnsureAgents(state_));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), 0) << "it still runs, alone";
}

TEST_F(LocalLauncherTest, AddsToTheEnvironmentWhatIsNotSetThere) {
  setenv("FAKE_AGENT_OWN", "own", /*overwrite=*/1);
  options_.environment = {"FAKE_AGENT_OWN=other", "FAKE_AGENT_NEW=new"};
  LocalLauncher launcher(options_, &clock_);
  ASSERT_OK(launcher.EnsureAgents(state_));
  EXPECT_THAT(NextAgentSays(), HasSubstr(" FAKE_AGENT_OWN=own FAKE_AGENT_NEW=new "));
  unsetenv("FAKE_AGENT_OWN");
}

TEST_F(LocalLauncherTest, LeavesAnAgentOfAnEarlierCoordinatorAlone) {
  const std::string path = absl::StrCat(options_.agent_directory, "/agent.lock");
  const int lock = open(path.c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  LocalLauncher launcher(options_, &clock_);
  ASSERT_OK(launcher.EnsureAgents(state_));
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "there is no child";
  close(lock);
}

TEST_F(LocalLauncherTest, StartsAnAgentAgainAfterAPauseThatGrows) {
  LocalLauncher launcher(options_, &clock_);
  ASSERT_OK(launcher.EnsureAgents(state_));
  NextAgentSays();
  for (const int pause_ms : {500, 1000, 2000}) {
    KillAgent();
    EXPECT_THAT(
        launcher.EnsureAgents(state_),
        StatusIs(absl::StatusCode::kUnavailable, AllOf(HasSubstr("signal 9"), HasSubstr("agent.log"))));
    clock_.Advance(absl::Milliseconds(pause_ms - 1));
    EXPECT_THAT(launcher.EnsureAgents(state_), StatusIs(absl::StatusCode::kUnavailable));
    clock_.Advance(absl::Milliseconds(1));
    ASSERT_OK(launcher.EnsureAgents(state_));
    NextAgentSays();
  }
}

TEST_F(LocalLauncherTest, SaysHowAnAgentEnded) {
  std::ofstream(absl::StrCat(options_.agent_directory, "/fail")) << "";
  LocalLauncher launcher(options_, &clock_);
  ASSERT_OK(launcher.EnsureAgents(state_));
  NextAgentSays();
  AwaitEnd();
  EXPECT_THAT(launcher.EnsureAgents(state_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("exit code 3")));
}

TEST_F(LocalLauncherTest, NamesABinaryThatIsNotThere) {
  options_.find_worker = [] { return "/nowhere/pretext-worker"; };
  LocalLauncher launcher(options_, &clock_);
  EXPECT_THAT(launcher.EnsureAgents(state_),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("/nowhere/pretext-worker"), HasSubstr("--worker-binary"))));
}

TEST_F(LocalLauncherTest, SaysWhereItLookedForTheBinary) {
  options_.find_worker = [] { return absl::NotFoundError("it is not in /bin"); };
  LocalLauncher launcher(options_, &clock_);
  EXPECT_THAT(launcher.EnsureAgents(state_),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("it is not in /bin"), HasSubstr("--worker-binary"))));
}

TEST(LauncherRegistryTest, KnowsItsLaunchersByName) {
  FakeClock clock;
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Launcher> local, MakeLauncher("local", {}, &clock));
  EXPECT_NE(local, nullptr);
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Launcher> none, MakeLauncher("none", {}, &clock));
  EXPECT_EQ(none, nullptr);
  EXPECT_THAT(MakeLauncher("moon", {}, &clock).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("local, none")));
}

}  // namespace
}  // namespace pretext
