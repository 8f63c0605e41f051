#include "client/commands/training/list_tasks.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/training/task_defaults.h"
#include "client/render/json_to_yaml.h"
#include "client/render/plain_text.h"
#include "client/render/table.h"
#include "client/session/exit_codes.h"
#include "client/session/local_paths.h"
#include "client/session/output_format.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

struct TasksOptions {
  std::string task;
  std::string pictures;  // empty: the tasks are listed as they are
  int image_size = 0;
  OutputFormat format = OutputFormat::kTable;
};

std::string Text(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || !found->is_string() ? "" : found->get<std::string>();
}

// What the worker says of tasks: it alone knows them, and this program does not link it.
absl::StatusOr<Json> AskWorker(const CommandContext& context, const std::vector<std::string>& options) {
  PRETEXT_ASSIGN_OR_RETURN(
      const std::string worker,
      FindProgram("pretext-worker", "worker", context.program_folder, context.search_path));
  std::vector<std::string> words = {worker, "tasks"};
  words.insert(words.end(), options.begin(), options.end());
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, context.capture(words));
  Json answer = Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (answer.is_array() || (answer.is_object() && answer.contains("tasks"))) return answer;
  return absl::InternalError(
      absl::StrCat(worker, " tasks did not print a list of tasks but '", CutTo(OneLine(text), 200), "'"));
}

absl::StatusOr<Json> AskWhatFits(const TasksOptions& options, const CommandContext& context) {
  if (!options.task.empty()) {
    return absl::InvalidArgumentError("TASK and --for exclude each other: --for judges every task");
  }
  const std::string pictures = AbsolutePath(options.pictures, context);
  if (!PathExists(pictures)) {
    return absl::InvalidArgumentError(absl::StrCat("--for: ", pictures, ": no such file or folder"));
  }
  return AskWorker(context, {"--for", pictures, "--image-size", absl::StrCat(options.image_size)});
}

std::string FitText(const Json& answer, int width) {
  const Json data = answer.value("data", Json::object());
  Table table({{"TASK"}, {"FITS"}, {"WHY"}});
  for (const Json& task : answer.value("tasks", Json::array())) {
    table.AddRow({Text(task, "name"), Text(task, "fits"), OneLine(Text(task, "why"))});
  }
  return absl::StrCat(data.value("pictures", 0), " pictures, ",
                      data.value("channels", 3) == 1 ? "grey" : "coloured", ", typically ",
                      data.value("median_width", 0), " x ", data.value("median_height", 0), " pixels\n\n",
                      table.Text(width), "\nOne task and its options: pretext tasks NAME\n");
}

absl::StatusOr<Json> FindTask(const Json& tasks, const std::string& name) {
  std::vector<std::string> names;
  for (const Json& task : tasks) {
    if (Text(task, "name") == name) return task;
    names.push_back(Text(task, "name"));
  }
  return absl::NotFoundError(absl::StrCat("there is no task '", name, "'", DidYouMean(name, names)));
}

std::string CatalogueText(const Json& tasks, int width) {
  Table table({{"TASK"}, {"ASKS TO"}, {"NEEDS"}});
  for (const Json& task : tasks)
    table.AddRow({Text(task, "name"), Text(task, "summary"), Text(task, "needs")});
  return absl::StrCat(table.Text(width),
                      "\nOptions of one: pretext tasks NAME. Several at once: pretext pretrain --task ",
                      "moco,rotation:0.3\n");
}

std::string TaskText(const Json& task) {
  const std::string name = Text(task, "name");
  std::string text = absl::StrCat(name, ": ", OneLine(Text(task, "summary")), "\nNeeds ",
                                  OneLine(Text(task, "needs")), ".\n\n");
  const std::vector<TaskDefault> defaults = FindTaskDefaults(name);
  Table table({{"OPTION"}, {"TYPE"}, {"DEFAULT"}});
  for (const Json& option : task.value("options", Json::array())) {
    const std::string option_name = Text(option, "name");
    for (const TaskDefault& field : defaults) {
      const bool is_within = absl::StartsWith(field.name, option_name + ".");
      if (field.name == option_name) table.AddRow({option_name, Text(option, "type"), field.value});
      if (is_within) table.AddRow({absl::StrCat("  ", field.name), "", field.value});
    }
    const bool known = std::any_of(defaults.begin(), defaults.end(),
                                   [&](const TaskDefault& field) { return field.name == option_name; });
    if (!known) table.AddRow({option_name, Text(option, "type"), ""});
  }
  return absl::StrCat(text, table.Text(), "\nTo set one: pretext pretrain --task ", name,
                      " --set stages[0].pretrain.tasks[0].", name, ".OPTION=VALUE\n");
}

absl::StatusOr<int> Run(const TasksOptions& options, CommandContext& context) {
  const bool judges = !options.pictures.empty();
  PRETEXT_ASSIGN_OR_RETURN(Json shown, judges ? AskWhatFits(options, context) : AskWorker(context, {}));
  if (!options.task.empty()) {
    PRETEXT_ASSIGN_OR_RETURN(shown, FindTask(shown, options.task));
  }
  switch (options.format) {
    case OutputFormat::kJson:
      *context.out << shown.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
      break;
    case OutputFormat::kYaml:
      *context.out << JsonToYaml(shown);
      break;
    default:
      *context.out << (judges                 ? FitText(shown, context.terminal_width())
                       : options.task.empty() ? CatalogueText(shown, context.terminal_width())
                                              : TaskText(shown));
  }
  return kExitOk;
}

}  // namespace

CommandRun AddTasks(CLI::App* app) {
  auto options = std::make_shared<TasksOptions>();
  app->add_option("TASK", options->task, "Show this one's options");
  app->add_option("--for", options->pictures,
                  "Say which tasks fit these pictures, and why not: a folder or an IDX file");
  app->add_option("--image-size", options->image_size,
                  "With --for: side of the pictures as the network gets them; default as in training")
      ->check(CLI::Range(8, 4096));
  AddFormatOption(app, &options->format);
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
