// pretext-server: accepts jobs, runs them on agents, and tells how they go. See --help.

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/clock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/log.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/utf8.h"
#include "proto/cpp/version.h"
#include "server/build_server.h"
#include "server/launchers/registry.h"
#include "server/options.h"
#include "server/state_folder.h"

namespace pretext {
namespace {

constexpr absl::Duration kAgentPatience = absl::Seconds(10);

absl::string_view Variable(const char* name) { return absl::NullSafeStringView(std::getenv(name)); }

// CLI11 reports what this throws as a fault of the option.
absl::Duration ReadDuration(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration()) {
    throw CLI::ValidationError(absl::StrCat("'", text, "' is not a duration such as 90s, 10m or 1h30m"));
  }
  return duration;
}

void AddFlags(CLI::App* app, ServerOptions* options) {
  app->description(
      "The coordinator of Pretext: accepts jobs, runs them on agents, and tells how they go.\n"
      "What it has acknowledged is durable: it may be killed at any moment and started again on the same "
      "state.");
  app->set_version_flag("--version", std::string("pretext-server ") + kVersion);
  app->add_option("--state", options->state_directory,
                  "Folder for everything it keeps; one server uses it at a time")
      ->default_str("$PRETEXT_STATE or ~/.local/share/pretext");
  app->add_option("--listen", options->listen,
                  "Address for people: unix:/PATH or HOST:PORT, port 0 for any; repeatable")
      ->default_str("unix:STATE/server.sock");
  app->add_option("--worker-listen,--worker_listen", options->worker_listen,
                  "Address for agents and ranks; repeatable")
      ->default_str("unix:STATE/worker.sock");
  std::string launchers;
  for (const LauncherEntry& entry : Launchers()) {
    absl::StrAppend(&launchers, launchers.empty() ? "" : "; ", entry.name, ": ", entry.what);
  }
  app->add_option("--launcher", options->launcher, launchers)->capture_default_str();
  app->add_option("--worker-binary,--worker_binary", options->worker_binary,
                  "pretext-worker, for the local launcher")
      ->default_str("beside this program or in $PATH");
  app->add_option("--node", options->node, "Name of this machine's node, for the local launcher")
      ->capture_default_str();
  app->add_option("--cpu-slots,--cpu_slots", options->cpu_slots,
                  "Ranks on CPU that may run on this machine at once")
      ->check(CLI::NonNegativeNumber)
      ->default_str("the agent decides");
  app->add_option_function<std::string>(
         "--exit-when-idle,--exit_when_idle",
         [options](const std::string& text) { options->exit_when_idle = ReadDuration(text); },
         "Stop, with the agents, once no job is active and nobody has called for so long")
      ->type_name("DURATION");
  app->add_option_function<std::string>(
         "--lease", [options](const std::string& text) { options->lease = ReadDuration(text); },
         "An agent that cannot call for so long kills its ranks, and its node counts as lost a little later")
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(options->lease));
  app->add_flag("--stop-agents,--stop_agents", options->stop_agents, "On SIGTERM, tell agents to exit too");
  app->add_option("--ready-file,--ready_file", options->ready_file,
                  "Written, as JSON with pid and addresses, once they can be called");
}

absl::Status WriteReadyFile(const std::string& path, const PretextServer& server) {
  const nlohmann::json ready = {{"pid", getpid()},
                                {"version", kVersion},
                                {"state", server.state_directory()},
                                {"addresses", server.people_addresses()},
                                {"worker_addresses", server.worker_addresses()}};
  const std::string temporary = absl::StrCat(path, ".", getpid());
  {
    std::ofstream file(temporary, std::ios::trunc);
    file << ready.dump(2) << "\n";
    if (!file.flush()) return absl::UnavailableError(absl::StrCat("cannot write ", temporary));
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", error.message()));
  return absl::OkStatus();
}

bool IsLocal(const std::string& address) {
  return absl::StartsWith(address, "unix:") || absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") || absl::StartsWith(address, "[::1]:");
}

// The file first: who waits for the last line may read it at once.
absl::Status Announce(const ServerOptions& options, const PretextServer& server) {
  if (!options.ready_file.empty()) PRETEXT_RETURN_IF_ERROR(WriteReadyFile(options.ready_file, server));
  for (const std::string& address : server.people_addresses()) std::printf("listening %s\n", address.c_str());
  for (const std::string& address : server.worker_addresses()) std::printf("workers %s\n", address.c_str());
  std::printf("ready\n");
  std::fflush(stdout);
  Log(LogSeverity::kInfo, "serving", {{"state", server.state_directory()}, {"pid", getpid()}});
  for (const std::vector<std::string>& addresses : {server.people_addresses(), server.worker_addresses()}) {
    for (const std::string& address : addresses) {
      if (IsLocal(address)) continue;
      Log(LogSeverity::kWarning, "open to the network: whoever reaches the address may run jobs as this user",
          {{"address", address}});
    }
  }
  return absl::OkStatus();
}

// For who ends it at a terminal and expects its jobs to end too.
void SayThatJobsGoOn(const PretextServer& server) {
  std::fprintf(
      stderr,
      "pretext-server: agents go on with the jobs that run, and what is queued waits. Start a server on %s "
      "again to see them; to end them, `pretext cancel` them first, or start it with --stop-agents\n",
      server.state_directory().c_str());
}

// Serves until a signal, idleness or another coordinator ends it. Returns the exit code.
int ServeUntilToldToStop(const ServerOptions& options, const sigset_t& signals, PretextServer* server) {
  const timespec pause = {0, 200'000'000};
  while (true) {
    const int signal = sigtimedwait(&signals, nullptr, &pause);
    if (server->deposed()) {
      server->Stop();
      return kServiceReplaced;
    }
    if (signal > 0) {
      Log(LogSeverity::kInfo, "stopping", {{"signal", signal}});
      const bool for_one_user = options.exit_when_idle < absl::InfiniteDuration();
      const bool active = server->HasActiveJobs();
      if (options.stop_agents || (for_one_user && !active)) {
        server->ShutDownAgents(kAgentPatience);
      } else if (active) {
        SayThatJobsGoOn(*server);
      }
      server->Stop();
      return 0;
    }
    if (server->IdleFor(options.exit_when_idle)) {
      Log(LogSeverity::kInfo, "stopping: nothing to do",
          {{"idle", absl::FormatDuration(options.exit_when_idle)}});
      server->ShutDownAgents(kAgentPatience);
      server->Stop();
      return 0;
    }
  }
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "pretext-server: %s\n", std::string(status.message()).c_str());
  // Whoever started this one tries again while another one holds the folder, and for no other reason.
  if (GetReason(status) == kStateInUse) return kServiceInUse;
  return absl::IsInvalidArgument(status) ? kServiceBadUsage : kServiceUnavailable;
}

// Paths and names travel in messages and documents, which hold UTF-8 and nothing else.
absl::Status CheckTexts(int argc, char** argv, const ServerOptions& options) {
  std::vector<std::string> texts(argv + 1, argv + argc);
  texts.push_back(options.state_directory);
  for (const std::string& text : texts) {
    if (!IsValidUtf8(text)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(text), " is not UTF-8, as arguments and the state folder's path must be"));
    }
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  ServerOptions options;
  options.state_directory =
      StateDirectory(Variable("PRETEXT_STATE"), Variable("XDG_DATA_HOME"), Variable("HOME"));
  options.search_path = std::string(Variable("PATH"));
  CLI::App app;
  AddFlags(&app, &options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kServiceBadUsage;
  }
  const absl::Status readable = CheckTexts(argc, argv, options);
  if (!readable.ok()) return Fail(readable);
  // Blocked in every thread, so that only the wait below meets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<PretextServer>> server = PretextServer::Start(options, RealClock());
  if (!server.ok()) return Fail(server.status());
  const absl::Status announced = Announce(options, **server);
  if (!announced.ok()) return Fail(announced);
  return ServeUntilToldToStop(options, signals, server->get());
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) { return pretext::Main(argc, argv); }
