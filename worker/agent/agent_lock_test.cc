#include "worker/agent/agent_lock.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/file_lock.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

class AgentLockTest : public ::testing::Test {
 protected:
  AgentLockTest() {
    std::string name = ::testing::TempDir() + "/lock.XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  bool IsLocked() { return *IsFileLocked(folder_ + "/agent.lock"); }
  std::string folder_;
};

TEST_F(AgentLockTest, TellsWhoHoldsIt) {
  EXPECT_FALSE(IsLocked());
  ASSERT_OK(TakeAgentLock(folder_, absl::ZeroDuration(), RealClock()));
  EXPECT_TRUE(IsLocked());
  EXPECT_THAT(TakeAgentLock(folder_, absl::ZeroDuration(), RealClock()),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr(absl::StrCat("process id ", getpid()))));
}

TEST_F(AgentLockTest, LastsUntilTheLastForkedProcessIsGone) {
  int ready[2], go[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(go), 0);
  const pid_t agent = fork();
  if (agent == 0) {
    if (!TakeAgentLock(folder_, absl::ZeroDuration(), RealClock()).ok()) _exit(1);
    if (fork() == 0) {
      close(go[1]);
      char word = 'r';
      if (write(ready[1], &word, 1) != 1) _exit(1);
      if (read(go[0], &word, 1) < 0) _exit(1);  // until the test closes its end
      _exit(0);
    }
    while (true) pause();
  }
  char word = 0;
  ASSERT_EQ(read(ready[0], &word, 1), 1);
  kill(agent, SIGKILL);
  waitpid(agent, nullptr, 0);
  EXPECT_TRUE(IsLocked()) << "a rank still runs";
  close(go[1]);
  EXPECT_OK(TakeAgentLock(folder_, absl::Minutes(1), RealClock())) << "waits for the rank's end";
}

TEST_F(AgentLockTest, SaysWhichFileCannotBeMade) {
  EXPECT_THAT(TakeAgentLock(folder_ + "/missing", absl::ZeroDuration(), RealClock()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("missing/agent.lock")));
}

}  // namespace
}  // namespace pretext
