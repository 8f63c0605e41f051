#ifndef PRETEXT_CLIENT_SESSION_FAKE_CONTEXT_H_
#define PRETEXT_CLIENT_SESSION_FAKE_CONTEXT_H_

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/coordinator_client/fake_coordinator_client.h"
#include "client/session/command_context.h"
#include "gtest/gtest.h"
#include "proto/cpp/fake_clock.h"

namespace pretext {

// A world for what a command does: a coordinator made of what the test puts into it, an empty folder to work
// in, and streams to read from and look at. Waiting moves the clock. Thread-compatible.
class FakeContext {
 public:
  FakeContext() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/command.XXXXXX");
    folder = std::filesystem::canonical(mkdtemp(pattern.data())).string();
    context.in = &in;
    context.out = &out;
    context.err = &err;
    context.working_directory = folder;
    context.home_directory = absl::StrCat(folder, "/home");
    context.state_directory = absl::StrCat(folder, "/state");
    context.program_folder = absl::StrCat(folder, "/bin");
    context.clock = &clock;
    context.wait = [this](absl::Duration duration) {
      clock.Advance(duration);
      ++waits;
      return on_wait == nullptr || on_wait();
    };
    context.catch_interrupts = [this] { catches_interrupts = true; };
    context.reach = [this](const CommandContext& reaching,
                           absl::Duration patience) -> absl::StatusOr<Reached> {
      patiences.push_back(patience);
      if (!reach_failure.ok()) return reach_failure;
      return Reached{&client, reaching.server.empty()};
    };
    context.capture = [this](const std::vector<std::string>& words) -> absl::StatusOr<std::string> {
      captured.push_back(words);
      return capture_answer;
    };
    context.replace_program = [this](const std::vector<std::string>& words) {
      replaced_by = words;
      return absl::InternalError("this is a test");
    };
  }
  ~FakeContext() {
    std::error_code error;
    std::filesystem::remove_all(folder, error);
  }

  // Forgets what was written so far.
  void ClearStreams() {
    out.str("");
    err.str("");
  }

  std::string Path(const std::string& name) const { return absl::StrCat(folder, "/", name); }

  // A file in the folder, with the folders above it.
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = Path(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  v1::Job& AddJob(const std::string& name, v1::Job::State state, const std::string& spec_name = "") {
    v1::Job& job = client.jobs[name];
    job.set_name(name);
    job.set_state(state);
    job.mutable_spec()->set_name(spec_name);
    return job;
  }

  std::string folder;
  FakeCoordinatorClient client;
  FakeClock clock;
  std::istringstream in;
  std::ostringstream out, err;
  CommandContext context;

  int waits = 0;
  std::function<bool()> on_wait;  // false: the user presses Ctrl-C
  bool catches_interrupts = false;
  std::vector<absl::Duration> patiences;  // of each time a coordinator was reached for
  absl::Status reach_failure;
  std::vector<std::vector<std::string>> captured;
  absl::StatusOr<std::string> capture_answer = std::string();
  std::vector<std::string> replaced_by;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_FAKE_CONTEXT_H_
