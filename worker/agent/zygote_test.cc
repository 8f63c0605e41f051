// Real processes: that no rank outlives its agent is the kernel's doing, and no fake can show it.

#include "worker/agent/zygote.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "proto/cpp/exit_codes.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

v1::RankAssignment Rank(int rank) {
  v1::RankAssignment assignment;
  assignment.set_job("jobs/1-x");
  assignment.set_attempt(1);
  assignment.set_rank(rank);
  return assignment;
}

class Ends final : public RankListener {
 public:
  void OnStarted(int64_t id, pid_t pid) override {
    absl::MutexLock lock(&mutex_);
    pids_[id] = pid;
  }
  void OnEnded(int64_t id, const RankEnd& end) override {
    absl::MutexLock lock(&mutex_);
    ends_[id] = end;
  }
  void OnBroken(const absl::Status& why) override {
    absl::MutexLock lock(&mutex_);
    broken_ = why;
  }

  pid_t AwaitPid(int64_t id) {
    auto known = [&] { return pids_.count(id) != 0; };
    absl::MutexLock lock(&mutex_, absl::Condition(&known));
    return pids_[id];
  }
  RankEnd Await(int64_t id) {
    auto ended = [&] { return ends_.count(id) != 0; };
    absl::MutexLock lock(&mutex_, absl::Condition(&ended));
    return ends_[id];
  }
  absl::Status AwaitBroken() {
    auto broken = [&] { return !broken_.ok(); };
    absl::MutexLock lock(&mutex_, absl::Condition(&broken));
    return broken_;
  }

 private:
  absl::Mutex mutex_;
  std::map<int64_t, pid_t> pids_;
  std::map<int64_t, RankEnd> ends_;
  absl::Status broken_;
};

// A pipe whose other end is held by processes under test: it closes when the last of them is gone.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() {
    close(ends_[0]);
    CloseWriting();
  }
  void Say(char word) const { EXPECT_EQ(write(ends_[1], &word, 1), 1); }
  // The next word, or 0 when every holder is gone.
  char Hear() const {
    char word = 0;
    return read(ends_[0], &word, 1) == 1 ? word : '\0';
  }
  void CloseWriting() {
    if (ends_[1] >= 0) close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2] = {-1, -1};
};

class ZygoteTest : public ::testing::Test {
 protected:
  ZygoteTest() {
    std::string name = ::testing::TempDir() + "/zygote.XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ZygoteOptions Options() {
    ZygoteOptions options;
    options.log_folder = folder_;
    options.out_of_memory_kills = [this] { return kills_; };
    return options;
  }
  void Fork(const RankBody& body) {
    absl::StatusOr<std::unique_ptr<Zygote>> zygote = Zygote::Fork(Options(), body);
    ASSERT_OK(zygote);
    zygote_ = *std::move(zygote);
    zygote_->Listen(&ends_);
  }
  std::string Log(int rank) {
    std::ifstream file(folder_ + "/1-x-1-" + std::to_string(rank) + ".log");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
  int64_t kills_ = 0;
  Ends ends_;
  std::unique_ptr<Zygote> zygote_;
};

TEST_F(ZygoteTest, TellsTheExitCodesOfTheRanksItForks) {
  Fork([](const v1::RankAssignment& assignment) { return 40 + assignment.rank(); });
  for (int rank = 0; rank < 8; ++rank) zygote_->Start(rank + 1, Rank(rank));
  for (int rank = 0; rank < 8; ++rank) {
    const RankEnd end = ends_.Await(rank + 1);
    EXPECT_EQ(end.exit_code, 40 + rank);
    EXPECT_EQ(end.signal, 0);
  }
}

TEST_F(ZygoteTest, ReachesARunningRankWithSignals) {
  Pipe pipe;
  Fork([&](const v1::RankAssignment& assignment) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    pipe.Say('s');
    int signal = 0;
    sigwait(&term, &signal);  // blocked from the start: none is missed, however early it comes
    return assignment.rank() + signal;
  });
  zygote_->Start(1, Rank(10));
  zygote_->Signal(1, SIGTERM);
  EXPECT_EQ(ends_.Await(1).exit_code, 10 + SIGTERM);
  zygote_->Start(2, Rank(11));
  zygote_->Signal(2, SIGKILL);
  const RankEnd end = ends_.Await(2);
  EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_EQ(end.exit_code, 0);
  zygote_->Signal(2, SIGKILL);  // nothing happens
  zygote_->Signal(77, SIGKILL);
}

TEST_F(ZygoteTest, QuotesARankThatCrashed) {
  Fork([](const v1::RankAssignment& assignment) {
    std::printf("on standard output\n");
    std::fflush(stdout);
    std::fprintf(stderr, "something is corrupt\n");
    if (assignment.rank() == 1) throw std::runtime_error("thrown");
    raise(SIGSEGV);
    return 0;
  });
  zygote_->Start(1, Rank(0));
  zygote_->Start(2, Rank(1));
  RankEnd end = ends_.Await(1);
  EXPECT_EQ(end.signal, SIGSEGV);
  EXPECT_EQ(end.last_words, "on standard output | something is corrupt");
  EXPECT_EQ(Log(0), "on standard output\nsomething is corrupt\n");
  end = ends_.Await(2);
  EXPECT_EQ(end.exit_code, kRankFault);
  EXPECT_THAT(end.last_words, HasSubstr("nothing caught an exception: thrown"));
}

TEST_F(ZygoteTest, TakesAKillForLackOfMemoryWhenTheKernelCountsOne) {
  Pipe pipe;
  Fork([&](const v1::RankAssignment&) {
    std::fprintf(stderr, "working\n");
    pipe.Say('w');
    return pause();
  });
  zygote_->Start(1, Rank(0));
  EXPECT_EQ(pipe.Hear(), 'w');
  kill(ends_.AwaitPid(1), SIGKILL);
  EXPECT_FALSE(ends_.Await(1).out_of_memory);
  EXPECT_EQ(ends_.Await(1).last_words, "") << "what it printed has nothing to do with its end";
  zygote_->Start(2, Rank(1));
  kills_ = 1;
  kill(ends_.AwaitPid(2), SIGKILL);
  EXPECT_TRUE(ends_.Await(2).out_of_memory);
}

TEST_F(ZygoteTest, TakesAlongWhatTheRankHadStarted) {
  Pipe pipe;
  Fork([&](const v1::RankAssignment&) {
    if (fork() == 0) {
      pipe.Say('c');
      while (true) pause();
    }
    pause();
    return 0;
  });
  zygote_->Start(1, Rank(0));
  EXPECT_EQ(pipe.Hear(), 'c');
  zygote_->Signal(1, SIGKILL);
  ends_.Await(1);
  zygote_.reset();
  pipe.CloseWriting();
  EXPECT_EQ(pipe.Hear(), '\0') << "a process that the rank had started lives on";
}

TEST_F(ZygoteTest, EndsItsRanksWhenItIsDestroyed) {
  Pipe pipe;
  Fork([&](const v1::RankAssignment&) {
    pipe.Say('r');
    while (true) pause();
    return 0;
  });
  zygote_->Start(1, Rank(0));
  EXPECT_EQ(pipe.Hear(), 'r');
  pipe.CloseWriting();
  zygote_.reset();
  EXPECT_EQ(pipe.Hear(), '\0');
}

TEST_F(ZygoteTest, TellsWhenTheZygoteItselfIsKilledAndTheRanksDieWithIt) {
  Pipe pipe;
  Fork([&](const v1::RankAssignment&) {
    pipe.Say('r');
    while (true) pause();
    return 0;
  });
  zygote_->Start(1, Rank(0));
  EXPECT_EQ(pipe.Hear(), 'r');
  pipe.CloseWriting();
  kill(zygote_->pid(), SIGKILL);
  EXPECT_THAT(ends_.AwaitBroken(),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("was killed by signal 9")));
  EXPECT_EQ(pipe.Hear(), '\0');
  zygote_->Start(2, Rank(1));  // nothing happens
}

TEST_F(ZygoteTest, LeavesNoOrphanWhenTheAgentIsKilled) {
  Pipe pipe;
  const pid_t agent = fork();
  if (agent == 0) {
    auto zygote = Zygote::Fork(Options(), [&](const v1::RankAssignment&) {
      pipe.Say('r');
      while (true) pause();
      return 0;
    });
    (*zygote)->Start(1, Rank(0));
    (*zygote)->Start(2, Rank(1));
    while (true) pause();
  }
  EXPECT_EQ(pipe.Hear(), 'r');
  EXPECT_EQ(pipe.Hear(), 'r');
  pipe.CloseWriting();
  kill(agent, SIGKILL);
  EXPECT_EQ(waitpid(agent, nullptr, 0), agent);
  EXPECT_EQ(pipe.Hear(), '\0') << "a rank or the zygote outlives the agent";
}

TEST_F(ZygoteTest, IgnoresSignalsThatAreMeantForTheAgent) {
  Fork([](const v1::RankAssignment&) { return 5; });
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) kill(zygote_->pid(), signal);
  zygote_->Start(1, Rank(0));
  EXPECT_EQ(ends_.Await(1).exit_code, 5);
}

TEST_F(ZygoteTest, RefusesToForkBesideThreads) {
  Fork([](const v1::RankAssignment&) { return 0; });  // has a thread that hears it
  EXPECT_THAT(Zygote::Fork(Options(), [](const v1::RankAssignment&) { return 0; }),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("2 run")));
}

}  // namespace
}  // namespace pretext
