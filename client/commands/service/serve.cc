#include "client/commands/service/serve.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/session/embedded_coordinator.h"
#include "client/session/exit_codes.h"
#include "client/session/local_paths.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/state_path.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct ServeOptions {
  std::string state;
  std::vector<std::string> listen, worker_listen;
};

absl::StatusOr<int> Run(const ServeOptions& options, const std::vector<std::string>& others,
                        CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(
      const std::string server,
      FindProgram("pretext-server", "server", context.program_folder, context.search_path));
  const std::string state =
      options.state.empty() ? context.state_directory : AbsolutePath(options.state, context);
  std::vector<std::string> words = {server, "--state", state};
  for (const std::string& address : options.listen) words.insert(words.end(), {"--listen", address});
  // So that commands without --server find it too.
  const std::string socket = absl::StrCat("unix:", state, "/", kServerSocket);
  const bool listed = std::find(options.listen.begin(), options.listen.end(), socket) != options.listen.end();
  if (!options.listen.empty() && !listed) words.insert(words.end(), {"--listen", socket});
  for (const std::string& address : options.worker_listen)
    words.insert(words.end(), {"--worker-listen", address});
  words.insert(words.end(), others.begin(), others.end());

  PRETEXT_ASSIGN_OR_RETURN(const std::optional<pid_t> ended,
                           StopEmbeddedCoordinator(state, context.clock, context.wait));
  if (ended.has_value())
    *context.err << "pretext: took over from the embedded coordinator, process " << *ended << std::endl;
  return context.replace_program(words);
}

}  // namespace

CommandRun AddServe(CLI::App* app) {
  auto options = std::make_shared<ServeOptions>();
  app->add_option("--state", options->state, "Folder for everything it keeps")->type_name("DIR");
  app->add_option("--listen", options->listen,
                  "Address for people, HOST:PORT or unix:/PATH; repeatable. Its socket in "
                  "the state folder comes on top")
      ->allow_extra_args(false)
      ->type_name("ADDR");
  app->add_option("--worker-listen", options->worker_listen,
                  "Address for agents on other machines; repeatable")
      ->allow_extra_args(false)
      ->type_name("ADDR");
  app->allow_extras();
  app->footer(
      "Everything else is handed to pretext-server: pretext-server --help. There is no authentication yet: "
      "whoever\n"
      "reaches an address may run jobs as this user.");
  return [options, app](CommandContext& context) { return Run(*options, app->remaining(), context); };
}

}  // namespace pretext
