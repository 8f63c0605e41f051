#ifndef PRETEXT_CLIENT_SESSION_EMBEDDED_COORDINATOR_H_
#define PRETEXT_CLIENT_SESSION_EMBEDDED_COORDINATOR_H_

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"

namespace pretext {

struct EmbeddedOptions {
  std::string state_directory;                               // absolute
  std::function<absl::StatusOr<std::string>()> find_server;  // the path of pretext-server
  // It leaves once it has had nothing to do and nobody has called for so long.
  absl::Duration exit_when_idle = absl::Minutes(10);
  // How long it may take to start; recovering a long journal takes seconds.
  absl::Duration start_patience = absl::Seconds(60);
};

// The coordinator that serves one user on one machine: whichever pretext-server holds the state folder and
// listens on its socket. It is a process of its own that outlives this one. Several clients may start it at
// once: the folder's lock decides which one stays, and all come to use that. Thread-compatible.
//
//   STATE/server.sock     where it listens
//   STATE/server.log      what it says
//   STATE/embedded.json   written by the last one that a client started
class EmbeddedCoordinator {
 public:
  // `clock` outlives it. `wait` waits and returns true, or false when the user wants no more.
  EmbeddedCoordinator(EmbeddedOptions options, Clock* clock, std::function<bool(absl::Duration)> wait);

  // Its address, once somebody answers there: starts pretext-server when nobody does. INVALID_ARGUMENT: the
  // folder's path is too long for a socket. UNAVAILABLE: it cannot be started; with the end of its log.
  absl::StatusOr<std::string> EnsureServing();

  // For who has lost it: starts it again, unless the last one was started by `pretext serve`; that one's
  // owner decides when it comes back.
  void Revive();

 private:
  // Starts pretext-server until somebody answers or `deadline` has come.
  absl::Status StartServing();
  absl::StatusOr<pid_t> Start();
  absl::Status MakeStateDirectory() const;
  // What the log has gained since `offset`, its last lines, for a person.
  std::string EndOfLog(int64_t offset) const;
  std::string Path(absl::string_view name) const;

  const EmbeddedOptions options_;
  Clock* const clock_;
  const std::function<bool(absl::Duration)> wait_;
};

// Ends the coordinator that holds `state_directory` when a client has started it, and waits until the folder
// is free; jobs run on meanwhile. The process it ended, or nothing when there was none. UNAVAILABLE: it does
// not end.
absl::StatusOr<std::optional<pid_t>> StopEmbeddedCoordinator(const std::string& state_directory, Clock* clock,
                                                             const std::function<bool(absl::Duration)>& wait);

}  // namespace pretext

#endif  // PRETEXT_CLIENT_SESSION_EMBEDDED_COORDINATOR_H_
