// pretext: what people type. See --help.

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/commands/command_line.h"
#include "client/session/command_context.h"
#include "client/session/coordinator_connection.h"
#include "client/session/exit_codes.h"
#include "client/session/local_paths.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

sigset_t InterruptSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  return signals;
}

// Ctrl-C: ends the program, or, once somebody catches it, is noted the first time. Lives as long as the
// program.
class Interrupts {
 public:
  // Blocks the signal in this thread and those it will start, so that only the one below meets it.
  Interrupts() {
    const sigset_t signals = InterruptSignal();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread([this, signals] {
      for (int signal = 0; sigwait(&signals, &signal) == 0;) Note();
    }).detach();
  }

  void Catch() {
    absl::MutexLock lock(&mutex_);
    caught_ = true;
  }

  // False, at once, when it was or is noted.
  bool Wait(absl::Duration duration) {
    absl::MutexLock lock(&mutex_);
    return !RealClock()->AwaitUntil(&mutex_, absl::Condition(&noted_), RealClock()->Now() + duration);
  }

 private:
  void Note() {
    absl::MutexLock lock(&mutex_);
    if (!caught_ || noted_) _exit(kExitInterrupted);
    noted_ = true;
  }

  absl::Mutex mutex_;
  bool caught_ ABSL_GUARDED_BY(mutex_) = false;
  bool noted_ ABSL_GUARDED_BY(mutex_) = false;
};

int TerminalWidth() {
  winsize size = {};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

// The terminal takes UTF-8 as far as the locale's variables tell.
bool HasUtf8() {
  std::string locale = Variable("LC_ALL");
  if (locale.empty()) locale = Variable("LC_CTYPE");
  if (locale.empty()) locale = Variable("LANG");
  locale = absl::AsciiStrToLower(locale);
  return absl::StrContains(locale, "utf-8") || absl::StrContains(locale, "utf8");
}

std::vector<char*> Arguments(std::vector<std::string>* words) {
  std::vector<char*> arguments;
  for (std::string& word : *words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  return arguments;
}

absl::Status ReplaceProgram(std::vector<std::string> words) {
  const sigset_t signals = InterruptSignal();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  execv(words.front().c_str(), Arguments(&words).data());
  return absl::InternalError(absl::StrCat("cannot run ", words.front(), ": ", std::strerror(errno)));
}

absl::StatusOr<std::string> Capture(std::vector<std::string> words) {
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0)
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, pipe_ends[1], STDOUT_FILENO);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, words.front().c_str(), &files, nullptr, Arguments(&words).data(), environ);
  posix_spawn_file_actions_destroy(&files);
  close(pipe_ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; error == 0 && (count = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;)
    text.append(buffer, count);
  close(pipe_ends[0]);
  if (error != 0)
    return absl::InternalError(absl::StrCat("cannot run ", words.front(), ": ", std::strerror(error)));
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return text;
  return absl::InternalError(absl::StrCat(words.front(), " failed",
                                          WIFEXITED(status) ? " with exit code " : "",
                                          WIFEXITED(status) ? absl::StrCat(WEXITSTATUS(status)) : ""));
}

int Main(int argc, char** argv) {
  Interrupts* const interrupts = new Interrupts;
  std::error_code error;
  CommandContext context;
  context.in = &std::cin;
  context.out = &std::cout;
  context.err = &std::cerr;
  context.in_is_terminal = isatty(STDIN_FILENO) != 0;
  context.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  context.utf8 = HasUtf8();
  context.terminal_width = TerminalWidth;
  context.working_directory = std::filesystem::current_path(error).string();
  context.home_directory = Variable("HOME");
  context.state_directory = AbsolutePath(
      StateDirectory(Variable("PRETEXT_STATE"), Variable("XDG_DATA_HOME"), Variable("HOME")), context);
  context.server = Variable("PRETEXT_SERVER");
  context.program_folder = ProgramFolder();
  context.search_path = Variable("PATH");
  context.clock = RealClock();
  context.wait = [interrupts](absl::Duration duration) { return interrupts->Wait(duration); };
  context.catch_interrupts = [interrupts] { interrupts->Catch(); };
  std::deque<CoordinatorConnection> connections;
  context.reach = [&connections](const CommandContext& context,
                                 absl::Duration patience) -> absl::StatusOr<Reached> {
    PRETEXT_ASSIGN_OR_RETURN(CoordinatorConnection connection, ConnectToCoordinator(context, patience));
    connections.push_back(std::move(connection));
    return Reached{connections.back().client.get(), connections.back().embedded != nullptr};
  };
  context.capture = Capture;
  context.replace_program = ReplaceProgram;
  return RunCommandLine(std::vector<std::string>(argv + 1, argv + argc), context);
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) { return pretext::Main(argc, argv); }
