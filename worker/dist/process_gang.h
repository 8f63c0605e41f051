#ifndef PRETEXT_WORKER_DIST_PROCESS_GANG_H_
#define PRETEXT_WORKER_DIST_PROCESS_GANG_H_

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "worker/dist/join_gang.h"

namespace pretext {

// How a rank's process ended.
struct ProcessEnd {
  int exit_code = 0;
  int signal = 0;
  friend bool operator==(const ProcessEnd& a, const ProcessEnd& b) {
    return a.exit_code == b.exit_code && a.signal == b.signal;
  }
};

inline std::ostream& operator<<(std::ostream& out, const ProcessEnd& end) {
  return out << "exit code " << end.exit_code << ", signal " << end.signal;
}

// A pipe between processes that are forked from this one. Tests only.
class Pipe {
 public:
  Pipe() {
    if (pipe(ends_) != 0) std::abort();
  }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void WriteLine(const std::string& line) {
    if (write(ends_[1], absl::StrCat(line, "\n").data(), line.size() + 1) < 0) std::abort();
  }
  // Waits for one.
  std::string ReadLine() {
    std::string line;
    for (char c = 0; read(ends_[0], &c, 1) == 1 && c != '\n';) line += c;
    return line;
  }

 private:
  int ends_[2];
};

// Runs `body` once a rank, each in a forked process with options by which they can meet, and waits for all.
// A rank ends with 1 when an expectation failed in it, and is killed by SIGALRM when it hangs. Nothing of the
// calling process may have started a thread, so compute in ranks alone. Tests only.
inline std::vector<ProcessEnd> RunProcesses(int world_size,
                                            const std::function<void(const GangOptions& options)>& body) {
  std::vector<std::unique_ptr<Pipe>> addresses;
  for (int rank = 0; rank < world_size; ++rank) addresses.push_back(std::make_unique<Pipe>());
  std::vector<pid_t> processes;
  std::fflush(stdout);
  for (int rank = 0; rank < world_size; ++rank) {
    processes.push_back(fork());
    if (processes.back() != 0) continue;
    alarm(50);
    GangOptions options;
    options.rank = rank;
    options.world_size = world_size;
    options.timeout = absl::Seconds(40);
    options.publish = [&](const std::string& address) {
      for (auto& pipe : addresses) pipe->WriteLine(address);
      return absl::OkStatus();
    };
    options.find = [&, rank]() -> absl::StatusOr<std::string> { return addresses[rank]->ReadLine(); };
    body(options);
    std::fflush(stdout);
    std::_Exit(testing::Test::HasFailure() ? 1 : 0);
  }
  std::vector<ProcessEnd> ends;
  for (const pid_t process : processes) {
    int status = 0;
    waitpid(process, &status, 0);
    ends.push_back({WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0});
  }
  return ends;
}

// As above with ranks that have met; all must end well.
inline void RunGang(int world_size, const std::function<void(ProcessGroup& group)>& body) {
  const std::vector<ProcessEnd> ends = RunProcesses(world_size, [&](const GangOptions& options) {
    auto group = JoinGang(options);
    ASSERT_TRUE(group.ok()) << group.status();
    body(**group);
  });
  EXPECT_EQ(ends, std::vector<ProcessEnd>(world_size));
}

}  // namespace pretext

#endif  // PRETEXT_WORKER_DIST_PROCESS_GANG_H_
