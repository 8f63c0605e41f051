// The program itself: started, killed, started again.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "pretext/v1/job_service.grpc.pb.h"
#include "proto/cpp/grpc_status.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// One run of pretext-server. Killed when it goes out of scope.
class Program {
 public:
  explicit Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "server/pretext-server");
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
    if (pid_ != 0) End(SIGKILL);
    fclose(said_);
  }

  // Reads what it says up to a line `word`, or to its end.
  std::string SaysUntil(const std::string& word) {
    std::string all;
    char line[1024];
    while (fgets(line, sizeof(line), said_) != nullptr) {
      all += line;
      absl::string_view rest = line;
      if (absl::ConsumePrefix(&rest, "listening ") && address_.empty()) {
        address_ = std::string(absl::StripSuffix(rest, "\n"));
      }
      if (line == word + "\n") break;
    }
    return all;
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
  pid_t pid() const { return pid_; }

  std::unique_ptr<v1::JobService::Stub> Jobs() const {
    return v1::JobService::NewStub(grpc::CreateChannel(address_, grpc::InsecureChannelCredentials()));
  }

 private:
  pid_t pid_ = 0;
  FILE* said_ = nullptr;
  std::string address_;
};

class MainTest : public ::testing::Test {
 protected:
  MainTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/main.XXXXXX");
    state_ = std::filesystem::canonical(mkdtemp(folder.data())).string();
  }
  std::vector<std::string> Arguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"--state",         state_,        "--listen",   "127.0.0.1:0",
                                          "--worker-listen", "127.0.0.1:0", "--launcher", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static v1::CreateJobRequest Request() {
    v1::CreateJobRequest request;
    request.mutable_spec()->set_name("xray");
    request.mutable_spec()->mutable_data()->set_images("/data/pictures");
    request.mutable_spec()->add_stages()->mutable_pretrain()->add_tasks()->mutable_rotation();
    return request;
  }

  std::string state_;
};

TEST_F(MainTest, KeepsWhatItAcknowledgedWhenItIsKilled) {
  std::vector<v1::Job> acknowledged;
  for (int life = 0; life < 3; ++life) {
    Program server(Arguments());
    ASSERT_THAT(server.SaysUntil("ready"), HasSubstr("listening 127.0.0.1:"));
    const auto jobs = server.Jobs();
    for (const v1::Job& before : acknowledged) {
      v1::GetJobRequest get;
      get.set_name(before.name());
      v1::Job job;
      grpc::ClientContext context;
      ASSERT_OK(FromGrpcStatus(jobs->GetJob(&context, get, &job)));
      EXPECT_EQ(job.uid(), before.uid());
      EXPECT_EQ(job.revision(), before.revision());
    }
    for (int i = 0; i < 5; ++i) {
      v1::Job job;
      grpc::ClientContext context;
      ASSERT_OK(FromGrpcStatus(jobs->CreateJob(&context, Request(), &job)));
      acknowledged.push_back(job);
    }
    EXPECT_EQ(server.End(SIGKILL), -SIGKILL);
  }
}

TEST_F(MainTest, RefusesAStateFolderThatIsInUse) {
  Program first(Arguments());
  first.SaysUntil("ready");
  Program second(Arguments());
  EXPECT_THAT(second.SaysUntil("ready"), HasSubstr(absl::StrCat("process id ", first.pid())));
  EXPECT_EQ(second.Wait(), 73);
}

TEST_F(MainTest, SaysThatANewerProgramHasWrittenItsState) {
  {
    Program first(Arguments());
    first.SaysUntil("ready");
    ASSERT_EQ(first.End(SIGTERM), 0);
  }
  {
    // SQLite keeps the number of the format in these four bytes.
    std::fstream journal(absl::StrCat(state_, "/journal.sqlite"),
                         std::ios::in | std::ios::out | std::ios::binary);
    journal.seekp(60);
    journal.write("\0\0\0\x63", 4);
  }
  Program second(Arguments());
  EXPECT_THAT(second.SaysUntil("ready"), HasSubstr("journal.sqlite has format 99"));
  EXPECT_EQ(second.Wait(), 69) << "73 would make whoever started it try again";
}

TEST_F(MainTest, RefusesAStateFolderWhosePathIsNotUtf8) {
  Program server({"--state", absl::StrCat(state_, "/\xff")});
  EXPECT_THAT(server.SaysUntil("ready"), HasSubstr("is not UTF-8"));
  EXPECT_EQ(server.Wait(), 64);
}

TEST_F(MainTest, EndsStreamsAndExitsWhenToldTo) {
  Program server(Arguments());
  server.SaysUntil("ready");
  const auto jobs = server.Jobs();
  v1::Job job;
  grpc::ClientContext create;
  ASSERT_OK(FromGrpcStatus(jobs->CreateJob(&create, Request(), &job)));
  v1::WatchJobRequest watch;
  watch.set_name(job.name());
  grpc::ClientContext context;
  const auto stream = jobs->WatchJob(&context, watch);
  v1::WatchJobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(server.End(SIGTERM), 0);
  while (stream->Read(&response)) {
  }
  EXPECT_THAT(FromGrpcStatus(stream->Finish()), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(MainTest, LeavesWhenThereIsNothingToDo) {
  Program server(Arguments({"--exit-when-idle", "10ms"}));
  EXPECT_THAT(server.SaysUntil("never"), HasSubstr("nothing to do"));
  EXPECT_EQ(server.Wait(), 0);
}

TEST_F(MainTest, WritesItsAddressesForPrograms) {
  const std::string path = absl::StrCat(state_, "/ready.json");
  Program server(Arguments({"--ready-file", path}));
  server.SaysUntil("ready");
  std::ifstream file(path);
  const nlohmann::json ready = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(ready.is_object());
  EXPECT_TRUE(absl::StartsWith(ready["addresses"][0].get<std::string>(), "127.0.0.1:"));
  EXPECT_EQ(ready["state"], std::string(state_));
}

TEST_F(MainTest, ExplainsWhatIsWrongWithItsFlags) {
  Program launcher({"--state", state_, "--launcher", "moon"});
  EXPECT_THAT(launcher.SaysUntil("ready"), HasSubstr("local, none"));
  EXPECT_EQ(launcher.Wait(), 64);
  Program duration(Arguments({"--exit-when-idle", "soon"}));
  EXPECT_THAT(duration.SaysUntil("ready"), HasSubstr("not a duration"));
  EXPECT_EQ(duration.Wait(), 64);
}

}  // namespace
}  // namespace pretext
