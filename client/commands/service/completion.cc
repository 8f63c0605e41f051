#include "client/commands/service/completion.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/session/exit_codes.h"
#include "client/session/long_options.h"
#include "proto/cpp/nearest_name.h"

namespace pretext {
namespace {

std::vector<std::string> Names(const std::vector<const CLI::App*>& commands) {
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  return names;
}

// The first word is a command, later ones are its options or files.
std::string BashScript(const std::vector<const CLI::App*>& commands) {
  std::string script = absl::StrCat(
      "_pretext() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" options=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"",
      absl::StrJoin(Names(commands), " "),
      "\" -- \"$word\"))\n    return\n  fi\n  case \"${COMP_WORDS[1]}\" in\n");
  for (const CLI::App* command : commands) {
    absl::StrAppend(&script, "    ", command->get_name(), ") options=\"",
                    absl::StrJoin(LongOptions(*command), " "), "\" ;;\n");
  }
  return absl::StrCat(script,
                      "  esac\n"
                      "  case \"$word\" in\n"
                      "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                      "    *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
                      "  esac\n"
                      "}\n"
                      "complete -o filenames -F _pretext pretext\n");
}

std::string ZshScript(const std::vector<const CLI::App*>& commands) {
  return absl::StrCat("autoload -U +X bashcompinit && bashcompinit\n", BashScript(commands));
}

std::string FishScript(const std::vector<const CLI::App*>& commands) {
  std::string script;
  const auto quoted = [](const std::string& text) {
    return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
  };
  for (const CLI::App* command : commands) {
    absl::StrAppend(&script, "complete -c pretext -n __fish_use_subcommand -f -a ", command->get_name(),
                    " -d ", quoted(command->get_description()), "\n");
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        absl::StrAppend(&script, "complete -c pretext -n '__fish_seen_subcommand_from ", command->get_name(),
                        "' -l ", name, " -d ", quoted(option->get_description()), "\n");
      }
    }
  }
  return script;
}

absl::StatusOr<int> Run(const CLI::App& app, const std::string& shell, CommandContext& context) {
  const std::vector<const CLI::App*> commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (shell == "bash") {
    *context.out << BashScript(commands);
  } else if (shell == "zsh") {
    *context.out << ZshScript(commands);
  } else if (shell == "fish") {
    *context.out << FishScript(commands);
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no completion for '", shell, "'", DidYouMean(shell, {"bash", "zsh", "fish"})));
  }
  return kExitOk;
}

}  // namespace

CommandRun AddCompletion(CLI::App* app) {
  auto shell = std::make_shared<std::string>();
  app->add_option("SHELL", *shell, "bash, zsh or fish")->required();
  app->footer("bash: source <(pretext completion bash)");
  const CLI::App* whole = app->get_parent();
  return [shell, whole](CommandContext& context) { return Run(*whole, *shell, context); };
}

}  // namespace pretext
