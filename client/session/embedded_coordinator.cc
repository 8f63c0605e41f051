#include "client/session/embedded_coordinator.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/detached_program.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/file_lock.h"
#include "proto/cpp/process_end.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/unix_socket.h"

namespace pretext {
namespace {

constexpr size_t kLogLinesShown = 12;
constexpr absl::Duration kProbePeriod = absl::Milliseconds(20);
constexpr absl::Duration kRestartPause = absl::Milliseconds(300);
constexpr absl::Duration kStopPatience = absl::Seconds(30);

std::string ReadFile(const std::string& path, int64_t offset = 0) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(offset);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int64_t FileBytes(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(bytes);
}

// The process that holds, or held last, the folder; 0: none is known.
pid_t LastServer(const std::string& state_directory) {
  return ReadLockHolder(absl::StrCat(state_directory, "/", kServerLock));
}

// The process that a client started last; 0: none is known.
pid_t LastEmbeddedServer(const std::string& state_directory) {
  const nlohmann::json ready = nlohmann::json::parse(
      ReadFile(absl::StrCat(state_directory, "/embedded.json")), nullptr, /*allow_exceptions=*/false);
  return ready.is_object() ? ready.value("pid", 0) : 0;
}

bool IsHeld(const std::string& state_directory) {
  return IsFileLocked(absl::StrCat(state_directory, "/", kServerLock)).value_or(false);
}

}  // namespace

EmbeddedCoordinator::EmbeddedCoordinator(EmbeddedOptions options, Clock* clock,
                                         std::function<bool(absl::Duration)> wait)
    : options_(std::move(options)), clock_(clock), wait_(std::move(wait)) {}

std::string EmbeddedCoordinator::Path(absl::string_view name) const {
  return absl::StrCat(options_.state_directory, "/", name);
}

absl::StatusOr<std::string> EmbeddedCoordinator::EnsureServing() {
  const std::string socket = Path(kServerSocket);
  if (socket.size() > LongestSocketPath()) {
    return absl::InvalidArgumentError(absl::StrCat("the path of the coordinator's socket, ", socket, ", has ",
                                                   socket.size(), " bytes, and Linux allows ",
                                                   LongestSocketPath(),
                                                   "; set PRETEXT_STATE to a folder with a shorter path"));
  }
  if (!SomebodyListens(socket)) PRETEXT_RETURN_IF_ERROR(StartServing());
  return absl::StrCat("unix:", socket);
}

void EmbeddedCoordinator::Revive() {
  const std::string& state = options_.state_directory;
  if (SomebodyListens(Path(kServerSocket)) || LastServer(state) != LastEmbeddedServer(state)) return;
  // Whoever calls asks the coordinator next and shows that error if this one could not be mended.
  StartServing().IgnoreError();
}

absl::Status EmbeddedCoordinator::StartServing() {
  PRETEXT_RETURN_IF_ERROR(MakeStateDirectory());
  const absl::Time deadline = clock_->Now() + options_.start_patience;
  const int64_t log_offset = FileBytes(Path("server.log"));
  pid_t server = 0;
  absl::Time next_start = clock_->Now();
  while (true) {
    if (SomebodyListens(Path(kServerSocket))) return absl::OkStatus();
    const absl::Time now = clock_->Now();
    if (now >= deadline) break;
    if (server == 0 && now >= next_start) {
      PRETEXT_ASSIGN_OR_RETURN(server, Start());
    }
    const absl::optional<int> end = server == 0 ? absl::nullopt : WaitStatusIfEnded(server);
    if (end.has_value() && !(WIFEXITED(*end) && WEXITSTATUS(*end) == kServiceInUse)) {
      return absl::UnavailableError(absl::StrCat("the coordinator did not start: pretext-server ",
                                                 DescribeEnd(*end), ". ", EndOfLog(log_offset)));
    }
    if (end.has_value()) {
      // Another client was faster, or an idle one is just leaving: try again until somebody answers.
      server = 0;
      next_start = now + kRestartPause;
    }
    if (!wait_(kProbePeriod)) return absl::CancelledError("interrupted while the coordinator was starting");
  }
  const std::string holder =
      IsHeld(options_.state_directory)
          ? absl::StrCat("process ", LastServer(options_.state_directory), " uses the state folder ",
                         options_.state_directory, " but does not answer on its socket")
          : "it does not answer";
  return absl::UnavailableError(absl::StrCat("waited ", absl::FormatDuration(options_.start_patience),
                                             " for the coordinator: ", holder, ". ", EndOfLog(log_offset)));
}

absl::Status EmbeddedCoordinator::MakeStateDirectory() const {
  std::error_code error;
  if (std::filesystem::is_directory(options_.state_directory, error)) return absl::OkStatus();
  std::filesystem::create_directories(options_.state_directory, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot make the folder ", options_.state_directory, ": ",
                                               error.message(), "; set PRETEXT_STATE to another"));
  }
  std::filesystem::permissions(options_.state_directory, std::filesystem::perms::owner_all, error);
  return absl::OkStatus();
}

absl::StatusOr<pid_t> EmbeddedCoordinator::Start() {
  PRETEXT_ASSIGN_OR_RETURN(const std::string program, options_.find_server());
  DetachedProgram server;
  server.words = {program,
                  "--state",
                  options_.state_directory,
                  "--exit-when-idle",
                  absl::FormatDuration(options_.exit_when_idle),
                  "--ready-file",
                  Path("embedded.json")};
  server.folder = options_.state_directory;
  server.log = Path("server.log");
  return StartDetached(std::move(server));
}

std::string EmbeddedCoordinator::EndOfLog(int64_t offset) const {
  const std::string log = Path("server.log");
  // A log that was long is put aside at the start.
  const std::string text = ReadFile(log, FileBytes(log) < offset ? 0 : offset);
  std::vector<absl::string_view> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.empty()) return absl::StrCat("Its log, ", Path("server.log"), ", says nothing");
  std::string shown = absl::StrCat("The end of its log, ", Path("server.log"), ":");
  for (size_t i = lines.size() - std::min(lines.size(), kLogLinesShown); i < lines.size(); ++i) {
    absl::StrAppend(&shown, "\n  ", lines[i]);
  }
  return shown;
}

absl::StatusOr<std::optional<pid_t>> StopEmbeddedCoordinator(
    const std::string& state_directory, Clock* clock, const std::function<bool(absl::Duration)>& wait) {
  if (!IsHeld(state_directory)) return std::nullopt;
  const pid_t server = LastServer(state_directory);
  if (server <= 0 || server != LastEmbeddedServer(state_directory)) return std::nullopt;
  // Without the file nobody who loses it starts it again.
  std::error_code error;
  std::filesystem::remove(absl::StrCat(state_directory, "/embedded.json"), error);
  if (kill(server, SIGTERM) != 0 && errno != ESRCH) {
    return absl::UnavailableError(
        absl::StrCat("cannot end the embedded coordinator, process ", server, ": ", std::strerror(errno)));
  }
  const absl::Time deadline = clock->Now() + kStopPatience;
  while (IsHeld(state_directory) && LastServer(state_directory) == server) {
    if (clock->Now() >= deadline) {
      return absl::UnavailableError(
          absl::StrCat("the embedded coordinator, process ", server, ", does not end; end it yourself"));
    }
    if (!wait(kProbePeriod)) return absl::CancelledError("interrupted");
  }
  return server;
}

}  // namespace pretext
