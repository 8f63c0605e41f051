// The client and the coordinator it starts, as programs.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/clock.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// Asks until `condition` holds, for a while.
bool Becomes(const std::function<bool()>& condition) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  const absl::Time deadline = RealClock()->Now() + absl::Seconds(30);
  while (!condition()) {
    if (RealClock()->Now() > deadline) return false;
    const bool never = false;
    RealClock()->AwaitUntil(&mutex, absl::Condition(&never), RealClock()->Now() + absl::Milliseconds(10));
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// One run of pretext, which writes to files. Killed when it goes out of scope.
class Program {
 public:
  Program(std::vector<std::string> arguments, const std::string& root, const std::string& state) {
    arguments.insert(arguments.begin(), "client/pretext");
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    std::string variables[] = {absl::StrCat("PRETEXT_STATE=", state), absl::StrCat("HOME=", state)};
    char* environment[] = {variables[0].data(), variables[1].data(), nullptr};
    static int runs = 0;
    out_ = absl::StrCat(root, "/out", runs);
    err_ = absl::StrCat(root, "/err", runs++);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out_.c_str(), kWrite, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err_.c_str(), kWrite, 0600);
    EXPECT_EQ(posix_spawn(&pid_, words[0], &files, nullptr, words.data(), environment), 0);
    posix_spawn_file_actions_destroy(&files);
  }
  ~Program() {
    if (pid_ != 0) End(SIGKILL);
  }

  // Waits for its end; returns the exit code, or minus the signal.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  int End(int signal) {
    kill(pid_, signal);
    return Wait();
  }
  std::string out() const { return ReadFile(out_); }
  std::string err() const { return ReadFile(err_); }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  std::string out_, err_;
};

class EmbeddedCoordinatorTest : public ::testing::Test {
 protected:
  EmbeddedCoordinatorTest() {
    // Short enough for a socket wherever tests run.
    std::string folder = "/tmp/pretext-test.XXXXXX";
    root_ = mkdtemp(folder.data());
    state_ = absl::StrCat(root_, "/state");
    std::filesystem::create_directory(absl::StrCat(root_, "/pictures"));
  }
  ~EmbeddedCoordinatorTest() override {
    if (ServerPid() > 0) {
      kill(ServerPid(), SIGTERM);
      EXPECT_TRUE(Becomes([&] { return kill(ServerPid(), 0) != 0; }));
    }
    std::filesystem::remove_all(root_);
  }

  // The process that holds the state folder, or held it last; 0: none yet.
  pid_t ServerPid() const {
    int pid = 0;
    return absl::SimpleAtoi(ReadFile(absl::StrCat(state_, "/server.lock")), &pid) ? pid : 0;
  }
  std::unique_ptr<Program> Start(const std::vector<std::string>& arguments) {
    return std::make_unique<Program>(arguments, root_, state_);
  }
  // What it wrote to standard output; it must end with `code`.
  std::string Run(const std::vector<std::string>& arguments, int code = 0) {
    const std::unique_ptr<Program> program = Start(arguments);
    EXPECT_EQ(program->Wait(), code) << program->err();
    return program->out();
  }
  std::vector<std::string> Pretrain(const std::string& name) const {
    return {"pretrain",
            "--data",
            absl::StrCat(root_, "/pictures"),
            "--out",
            absl::StrCat(root_, "/", name),
            "--name",
            name,
            "--quiet"};
  }

  std::string root_, state_;
};

TEST_F(EmbeddedCoordinatorTest, IsStartedWhenNobodyServesAndFoundAgain) {
  EXPECT_EQ(Run({"jobs", "-o", "json"}), "[]\n");
  const pid_t server = ServerPid();
  EXPECT_GT(server, 0);
  EXPECT_EQ(Run(Pretrain("first")), "jobs/1-first\n");
  const nlohmann::json version = nlohmann::json::parse(Run({"version", "-o", "json"}));
  EXPECT_EQ(version["state_directory"], state_);
  EXPECT_EQ(ServerPid(), server);
  EXPECT_NE(getsid(server), getsid(0)) << "it must outlive the terminal it was started from";
}

TEST_F(EmbeddedCoordinatorTest, ClientsThatStartAtOnceShareOne) {
  std::vector<std::unique_ptr<Program>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(Start(Pretrain(absl::StrCat("job", i))));
  std::set<std::string> names;
  for (const auto& client : clients) {
    EXPECT_EQ(client->Wait(), 0) << client->err();
    names.insert(client->out());
  }
  EXPECT_EQ(names.size(), 8);
  EXPECT_EQ(nlohmann::json::parse(Run({"jobs", "-o", "json"})).size(), 8);
}

TEST_F(EmbeddedCoordinatorTest, IsStartedAgainUnderAClientThatFollowsAJob) {
  Run(Pretrain("xray"));
  const pid_t first = ServerPid();
  const auto watch = Start({"watch", "xray"});
  EXPECT_TRUE(Becomes([&] { return !watch->out().empty(); }));
  kill(first, SIGKILL);
  EXPECT_TRUE(Becomes([&] { return ServerPid() != first; }));
  Run({"cancel", "xray"});
  EXPECT_EQ(watch->Wait(), 11) << watch->err();
  EXPECT_THAT(watch->out(), HasSubstr("jobs/1-xray was cancelled"));
}

TEST_F(EmbeddedCoordinatorTest, LosesNothingWhenItIsKilled) {
  Run(Pretrain("xray"));
  kill(ServerPid(), SIGKILL);
  EXPECT_THAT(Run({"jobs"}), HasSubstr("jobs/1-xray  QUEUED"));
}

TEST_F(EmbeddedCoordinatorTest, GivesWayToServe) {
  Run(Pretrain("xray"));
  const auto serve = Start({"serve", "--listen", "127.0.0.1:0", "--launcher", "none"});
  EXPECT_TRUE(Becomes([&] { return serve->out().find("ready\n") != std::string::npos; })) << serve->err();
  EXPECT_EQ(ServerPid(), serve->pid());
  EXPECT_THAT(serve->err(), HasSubstr("took over from the embedded coordinator"));
  EXPECT_THAT(Run({"jobs"}), HasSubstr("jobs/1-xray")) << "clients without --server find it too";
  EXPECT_EQ(serve->End(SIGTERM), 0);
}

TEST_F(EmbeddedCoordinatorTest, CtrlCLeavesTheJobAlone) {
  Run(Pretrain("xray"));
  const auto watch = Start({"watch", "xray"});
  EXPECT_TRUE(Becomes([&] { return !watch->out().empty(); }));
  EXPECT_EQ(watch->End(SIGINT), 130);
  EXPECT_THAT(watch->out(), HasSubstr("To see it again: pretext watch jobs/1-xray"));
  EXPECT_THAT(Run({"jobs"}), HasSubstr("jobs/1-xray  QUEUED"));
}

TEST_F(EmbeddedCoordinatorTest, AFolderThatCannotBeMadeIsSaid) {
  std::ofstream(absl::StrCat(root_, "/file")) << "";
  state_ = absl::StrCat(root_, "/file/state");
  const auto jobs = Start({"jobs"});
  EXPECT_EQ(jobs->Wait(), 69);
  EXPECT_THAT(jobs->err(), HasSubstr(absl::StrCat("cannot make the folder ", state_)));
}

}  // namespace
}  // namespace pretext
