#ifndef PRETEXT_CLIENT_SESSION_COMMAND_CONTEXT_H_
#define PRETEXT_CLIENT_SESSION_COMMAND_CONTEXT_H_

#include <functional>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/coordinator_client/coordinator_client.h"
#include "proto/cpp/clock.h"

namespace pretext {

// For how long calls to a coordinator that does not answer are repeated.
inline constexpr absl::Duration kPollPatience = absl::Seconds(1);    // by who calls again anyway
inline constexpr absl::Duration kCallPatience = absl::Seconds(3);    // by who waits at the terminal
inline constexpr absl::Duration kFollowPatience = absl::Minutes(5);  // by who follows something long

struct Reached {
  CoordinatorClient* client = nullptr;  // not owned; lives as long as the program
  // The coordinator is this user's own, on this machine: it sees the files that the client sees.
  bool embedded = false;
};

// Everything a command may touch of the world outside. main.cc fills it in; tests make their own. Commands
// run on one thread.
struct CommandContext {
  std::istream* in = nullptr;
  std::ostream* out = nullptr;  // what was asked for
  std::ostream* err = nullptr;  // errors and remarks
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool utf8 = false;                                       // the terminal shows block characters
  std::function<int()> terminal_width = [] { return 0; };  // columns of `out` now; 0: no limit

  std::string working_directory;  // absolute
  std::string home_directory;     // empty: unknown
  std::string state_directory;    // of the embedded coordinator, absolute
  std::string server;             // address of the coordinator; empty: the embedded one
  std::string program_folder;     // that this program stands in
  std::string search_path;        // $PATH

  Clock* clock = nullptr;
  // Waits for so long and returns true; false, at once, when the user has pressed Ctrl-C meanwhile or before,
  // which is noticed only after catch_interrupts(). Without that Ctrl-C ends the program.
  std::function<bool(absl::Duration)> wait;
  std::function<void()> catch_interrupts;

  // A client of the coordinator at `server`. The embedded one is started when nobody serves. UNAVAILABLE: it
  // cannot be; says why and where its log is.
  std::function<absl::StatusOr<Reached>(const CommandContext& context, absl::Duration patience)> reach;

  // Runs a program to its end and returns what it wrote. NOT_FOUND, INTERNAL.
  std::function<absl::StatusOr<std::string>(const std::vector<std::string>& words)> capture;
  // Goes on as another program; returns only when that cannot be.
  std::function<absl::Status(const std::vector<std::string>& words)> replace_program;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_COMMAND_CONTEXT_H_
