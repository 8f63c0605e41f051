#include "client/commands/command_line.h"

#include <algorithm>
#include <map>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/commands/registry.h"
#include "client/session/exit_codes.h"
#include "client/session/long_options.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/utf8.h"
#include "proto/cpp/version.h"

namespace pretext {
namespace {

constexpr char kIntroduction[] =
    "Pretext learns from pictures without labels, fine-tunes on a few, and hands back weights that load "
    "into\n"
    "torchvision. Without --server it works on this machine and starts what it needs by itself.\n";
constexpr char kServerHelp[] =
    "Coordinator to talk to, HOST:PORT or unix:/PATH; default: $PRETEXT_SERVER, else this user's own on this "
    "machine";
constexpr size_t kHelpColumn = 30;
constexpr size_t kHelpTextWidth = 78;

// Descriptions over several lines, so that they fit a terminal.
class WrappedHelp final : public CLI::Formatter {
 public:
  WrappedHelp() {
    column_width(kHelpColumn);
    label("Positionals", "Arguments");
    label("SUBCOMMAND", "COMMAND");
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text, line;
    for (const absl::string_view word : absl::StrSplit(option->get_description(), ' ')) {
      if (!line.empty() && line.size() + 1 + word.size() > kHelpTextWidth) {
        absl::StrAppend(&text, line, "\n");
        line.clear();
      }
      absl::StrAppend(&line, line.empty() ? "" : " ", word);
    }
    return absl::StrCat(text, line);
  }
};

void AddServerOption(CLI::App* app, std::string* server) {
  app->add_option("--server", *server, kServerHelp)->type_name("ADDR");
}

std::map<const CLI::App*, CommandRun> AddCommands(CLI::App* app, std::string* server) {
  std::map<const CLI::App*, CommandRun> runs;
  for (const CommandEntry& entry : Commands()) {
    CLI::App* command = app->add_subcommand(std::string(entry.name), std::string(entry.summary));
    command->group(std::string(entry.group));
    runs[command] = entry.add(command);
    if (entry.calls_coordinator) AddServerOption(command, server);
  }
  return runs;
}

std::string DidYouMeanOption(const std::string& name, const CLI::App& command) {
  const std::string nearest = NearestName(name, LongOptions(command));
  return absl::StrCat("there is no option ", name,
                      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"));
}

// A line for each of `extras` that is at fault; values of unknown options are not.
std::vector<std::string> DescribeExtras(const CLI::App& app, const CLI::App* command,
                                        const std::vector<std::string>& extras) {
  std::vector<std::string> lines;
  for (const std::string& extra : extras) {
    if (absl::StartsWith(extra, "-"))
      lines.push_back(
          DidYouMeanOption(extra.substr(0, extra.find('=')), command == nullptr ? app : *command));
  }
  if (!lines.empty()) return lines;
  if (command != nullptr) return {absl::StrCat("'", extras.front(), "' is one argument too many")};
  std::vector<std::string> names;
  for (const CommandEntry& entry : Commands()) names.emplace_back(entry.name);
  const std::string nearest = NearestName(extras.front(), names);
  return {absl::StrCat(
      "there is no command '", extras.front(), "'",
      nearest.empty() ? "; `pretext --help` lists them" : absl::StrCat("; did you mean ", nearest, "?"))};
}

int ShowUsageError(CLI::App& app, const CLI::ParseError& error, CommandContext& context) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const CLI::App* command = chosen.empty() ? nullptr : chosen.front();
  const std::string name = command == nullptr ? "pretext" : absl::StrCat("pretext ", command->get_name());
  const std::vector<std::string> extras = app.remaining(/*recurse=*/true);
  // A misspelt option is why a required one is missing.
  const int kind = error.get_exit_code();
  const bool by_extras = !extras.empty() && (kind == static_cast<int>(CLI::ExitCodes::ExtrasError) ||
                                             kind == static_cast<int>(CLI::ExitCodes::RequiredError));
  std::vector<std::string> lines = {error.what()};
  if (by_extras) lines = DescribeExtras(app, command, extras);
  for (const std::string& line : lines) *context.err << name << ": " << line << "\n";
  *context.err << "More: " << name << " --help" << std::endl;
  return kExitUsage;
}

// "help" as a command: `pretext help jobs` is `pretext jobs --help`.
std::vector<std::string> WithHelp(std::vector<std::string> arguments) {
  if (arguments.empty()) return {"--help"};
  if (arguments.front() != "help") return arguments;
  arguments.erase(arguments.begin());
  arguments.push_back("--help");
  return arguments;
}

// Names and paths travel in messages, which hold UTF-8 and nothing else.
absl::Status CheckTexts(const std::vector<std::string>& arguments, const CommandContext& context) {
  for (const std::string& argument : arguments) {
    if (!IsValidUtf8(argument))
      return absl::InvalidArgumentError(absl::StrCat("the argument ", Quoted(argument), " is not UTF-8"));
  }
  if (!IsValidUtf8(context.state_directory)) {
    return absl::InvalidArgumentError(absl::StrCat("the state folder ", Quoted(context.state_directory),
                                                   " is not UTF-8; set PRETEXT_STATE to another"));
  }
  if (!IsValidUtf8(context.server))
    return absl::InvalidArgumentError(
        absl::StrCat("PRETEXT_SERVER is ", Quoted(context.server), ", not UTF-8"));
  return absl::OkStatus();
}

int ShowError(const absl::Status& status, CommandContext& context) {
  *context.err << "pretext: " << status.message() << std::endl;
  return ExitCodeFor(status);
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, CommandContext& context) {
  const absl::Status texts = CheckTexts(arguments, context);
  if (!texts.ok()) return ShowError(texts, context);
  CLI::App app(kIntroduction, "pretext");
  app.formatter(std::make_shared<WrappedHelp>());
  app.set_version_flag("--version", absl::StrCat("pretext ", kVersion));
  app.require_subcommand(1);
  app.footer(absl::StrCat("`pretext COMMAND --help` explains one.\n\n", kExitCodesText));
  AddServerOption(&app, &context.server);
  const std::map<const CLI::App*, CommandRun> runs = AddCommands(&app, &context.server);
  std::vector<std::string> reversed = WithHelp(arguments);
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    *context.out << app.help() << std::flush;
    return kExitOk;
  } catch (const CLI::CallForVersion& version) {
    *context.out << version.what() << std::endl;
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return ShowUsageError(app, error, context);
  }
  const absl::StatusOr<int> code = runs.at(app.get_subcommands().front())(context);
  context.out->flush();
  if (code.ok()) return *code;
  return ShowError(code.status(), context);
}

}  // namespace pretext
