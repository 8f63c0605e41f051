// The program itself.

#include <fcntl.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/worker_service.grpc.pb.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// One run of pretext-worker. Killed when it goes out of scope.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "worker/pretext-worker");
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    words.push_back(nullptr);
    int said[2];
    EXPECT_EQ(pipe2(said, O_CLOEXEC), 0);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, said[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, said[1], STDERR_FILENO);
    EXPECT_EQ(posix_spawn(&pid_, words[0], &files, nullptr, words.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    close(said[1]);
    said_ = fdopen(said[0], "r");
  }
  ~Program() {
    if (pid_ != 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    fclose(said_);
  }

  std::string SaysToTheEnd() {
    std::string all;
    char line[1024];
    while (fgets(line, sizeof(line), said_) != nullptr) all += line;
    return all;
  }
  // Waits for its end; returns the exit code, or minus the signal.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  FILE* said_ = nullptr;
};

// Has no work, and says so to agents when a test wants it.
class Coordinator final : public v1::WorkerService::Service {
 public:
  Coordinator() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  void ShutDownAgents() {
    absl::MutexLock lock(&mutex_);
    shut_down_ = true;
  }
  v1::SyncAgentRequest AwaitAgent() {
    auto came = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !request_.node().empty(); };
    absl::MutexLock lock(&mutex_, absl::Condition(&came));
    return request_;
  }

 private:
  grpc::Status SyncAgent(grpc::ServerContext* context, const v1::SyncAgentRequest* request,
                         v1::SyncAgentResponse* response) override {
    absl::MutexLock lock(&mutex_);
    request_ = *request;
    response->set_revision(1);
    response->mutable_lease()->set_seconds(60);
    auto news = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return shut_down_ || request->known_revision() != 1 || context->IsCancelled();
    };
    while (!mutex_.AwaitWithTimeout(absl::Condition(&news), absl::Milliseconds(5))) {
    }
    response->set_shut_down(shut_down_);
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  absl::Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  v1::SyncAgentRequest request_ ABSL_GUARDED_BY(mutex_);
};

std::string Folder() {
  std::string name = ::testing::TempDir() + "/worker.XXXXXX";
  return mkdtemp(name.data());
}

TEST(WorkerMainTest, PrintsTheTasksAsJson) {
  Program worker({"tasks"});
  const nlohmann::json tasks = nlohmann::json::parse(worker.SaysToTheEnd());
  EXPECT_EQ(worker.Wait(), 0);
  ASSERT_FALSE(tasks.empty());
  EXPECT_EQ(tasks[0]["name"], "moco");
}

TEST(WorkerMainTest, SaysItsVersionAndHowItIsUsed) {
  Program version({"--version"});
  EXPECT_THAT(version.SaysToTheEnd(), HasSubstr("pretext-worker 0."));
  EXPECT_EQ(version.Wait(), 0);
  Program help({"agent", "--help"});
  EXPECT_THAT(help.SaysToTheEnd(), HasSubstr("--cpu-slots"));
  EXPECT_EQ(help.Wait(), 0);
}

TEST(WorkerMainTest, RefusesWhatItDoesNotKnow) {
  Program option({"agent", "--coordinator", "127.0.0.1:1", "--coordinater", "x"});
  EXPECT_THAT(option.SaysToTheEnd(), HasSubstr("--coordinater"));
  EXPECT_EQ(option.Wait(), 64);
  Program missing({"agent", "--node", "nodes/a"});
  EXPECT_THAT(missing.SaysToTheEnd(), HasSubstr("--coordinator"));
  EXPECT_EQ(missing.Wait(), 64);
  Program node({"agent", "--coordinator", "127.0.0.1:1", "--node", "nodes/a/b"});
  EXPECT_THAT(node.SaysToTheEnd(), HasSubstr("'nodes/a/b' is not of the form nodes/{id}"));
  EXPECT_EQ(node.Wait(), 64);
  Program nothing({});
  EXPECT_EQ(nothing.Wait(), 64);
}

TEST(WorkerMainTest, JoinsAsItsOptionsSayAndExitsWhenTheCoordinatorSaysSo) {
  Coordinator coordinator;
  Program worker({"agent", "--coordinator", coordinator.address(), "--node", "a", "--state", Folder(),
                  "--cpu-slots", "3", "--gpus", "2", "--host", "a.example"});
  const v1::SyncAgentRequest request = coordinator.AwaitAgent();
  EXPECT_EQ(request.node(), "nodes/a");
  EXPECT_EQ(request.capacity().cpu_slots(), 3);
  EXPECT_EQ(request.capacity().gpus(), 2);
  EXPECT_EQ(request.capacity().host(), "a.example");
  EXPECT_GE(request.capacity().cores(), 1);
  EXPECT_EQ(request.version(), "0.1.0");
  coordinator.ShutDownAgents();
  EXPECT_EQ(worker.Wait(), 0);
}

TEST(WorkerMainTest, LeavesOnSigterm) {
  Coordinator coordinator;
  Program worker({"agent", "--coordinator", coordinator.address(), "--state", Folder()});
  coordinator.AwaitAgent();
  kill(worker.pid(), SIGTERM);
  EXPECT_EQ(worker.Wait(), 0);
}

TEST(WorkerMainTest, RefusesAStateFolderThatIsInUse) {
  Coordinator coordinator;
  const std::string state = Folder();
  Program first({"agent", "--coordinator", coordinator.address(), "--state", state});
  coordinator.AwaitAgent();
  Program second({"agent", "--coordinator", coordinator.address(), "--state", state});
  EXPECT_THAT(second.SaysToTheEnd(), HasSubstr(absl::StrCat("process id ", first.pid())));
  EXPECT_EQ(second.Wait(), 73);
}

}  // namespace
}  // namespace pretext
