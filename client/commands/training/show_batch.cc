#include "client/commands/training/show_batch.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/training/pretrain.h"
#include "client/render/json_to_yaml.h"
#include "client/render/plain_text.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/local_paths.h"
#include "client/session/output_format.h"
#include "client/submission/job_options.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/defaults.h"
#include "proto/cpp/program_path.h"
#include "proto/cpp/spec_writing.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kSheetFile[] = "batch.png";

struct ShowBatchOptions {
  JobOptions job;  // --data, --image-size, --seed, --set
  std::string tasks;
  std::string trained;  // a job, or its output folder
  std::string stage;
  std::string out = kSheetFile;
  int pictures = 8;
};

// The worker's words for a job that is only shown. Nothing: there are faults, which have been told.
absl::StatusOr<std::optional<std::vector<std::string>>> WordsForTasks(const ShowBatchOptions& options,
                                                                      CommandContext& context) {
  if (options.job.data.empty() || options.tasks.empty()) {
    return absl::InvalidArgumentError(
        "name pictures and a task, as in --data DIR --task rotation, or a job that has run, as in --job JOB; "
        "`pretext tasks` lists the tasks");
  }
  Submission submission;
  v1::PretrainStage* stage = submission.spec.add_stages()->mutable_pretrain();
  PRETEXT_RETURN_IF_ERROR(FillJob(options.job, context, &submission));
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<v1::TaskSpec> tasks, ParseTasks(options.tasks));
  for (const v1::TaskSpec& task : tasks) *stage->add_tasks() = task;
  if (options.job.image_size.has_value()) stage->set_image_size(*options.job.image_size);
  submission.places.SetOption("stages[0].pretrain.tasks", "--task");
  submission.places.SetOption("stages[0].pretrain.image_size", "--image-size");
  PRETEXT_RETURN_IF_ERROR(ApplySets(options.job.sets, &submission));
  MakePathsAbsolute(context, &submission.spec);
  const std::vector<std::string> faults = FindFaults(submission, context);
  for (const std::string& fault : faults) *context.err << fault << "\n";
  if (!faults.empty()) return std::optional<std::vector<std::string>>();
  ApplyDefaults(&submission.spec);
  return std::vector<std::string>{"--spec", SpecToYaml(submission.spec)};
}

// The output folder that is meant, as this machine sees it.
absl::StatusOr<std::string> FindOutput(const std::string& trained, CommandContext& context) {
  const std::string path = AbsolutePath(trained, context);
  if (IsFolder(path)) return path;
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  const absl::StatusOr<v1::Job> job = FindJob(trained, coordinator.client);
  if (absl::IsNotFound(job.status())) {
    return absl::NotFoundError(
        absl::StrCat("--job: there is neither a folder ", path, " nor such a job: ", job.status().message()));
  }
  if (!job.ok()) return job.status();
  if (IsFolder(job->output())) return job->output();
  return absl::FailedPreconditionError(absl::StrCat(
      job->name(), " writes to ", OneLine(job->output()),
      ", which is not there on this machine: run this where it is, or fetch it with `pretext download ",
      job->name(), " --all --to DIR` and show that folder with --job DIR"));
}

absl::StatusOr<std::optional<std::vector<std::string>>> WordsForJob(const ShowBatchOptions& options,
                                                                    CommandContext& context) {
  const bool changes =
      !options.tasks.empty() || !options.job.sets.empty() || options.job.image_size.has_value();
  if (changes) {
    return absl::InvalidArgumentError(
        "--job shows a job as it was trained: leave out --task, --set and --image-size");
  }
  PRETEXT_ASSIGN_OR_RETURN(const std::string output, FindOutput(options.trained, context));
  std::vector<std::string> words = {"--output", output};
  if (!options.job.data.empty())
    words.insert(words.end(), {"--data", AbsolutePath(options.job.data, context)});
  if (!options.stage.empty()) words.insert(words.end(), {"--stage", options.stage});
  if (options.job.seed.has_value()) words.insert(words.end(), {"--seed", absl::StrCat(*options.job.seed)});
  return words;
}

// What the worker says of the sheet that it drew.
absl::StatusOr<Json> AskWorker(const std::vector<std::string>& options, const CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(
      const std::string worker,
      FindProgram("pretext-worker", "worker", context.program_folder, context.search_path));
  std::vector<std::string> words = {worker, "show-batch"};
  words.insert(words.end(), options.begin(), options.end());
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, context.capture(words));
  Json answer = Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (answer.is_object() && answer.contains("file")) return answer;
  return absl::InternalError(
      absl::StrCat(worker, " show-batch did not say what it drew but '", CutTo(OneLine(text), 200), "'"));
}

std::string SheetText(const Json& sheet) {
  std::vector<std::string> tasks;
  for (const Json& task : sheet.value("tasks", Json::array()))
    tasks.push_back(OneLine(task.get<std::string>()));
  std::string text = absl::StrCat(OneLine(sheet.value("file", "")), ": ", sheet.value("pictures", 0),
                                  " pictures, ", absl::StrJoin(tasks, ", "));
  const auto step = sheet.find("step");
  if (step != sheet.end() && step->is_number()) {
    absl::StrAppend(&text, "; answers after step ", step->get<int64_t>(), " of stage ",
                    OneLine(sheet.value("stage", "")));
  }
  return absl::StrCat(text, "\n");
}

absl::StatusOr<int> Run(const ShowBatchOptions& options, CommandContext& context) {
  std::optional<std::vector<std::string>> words;
  PRETEXT_ASSIGN_OR_RETURN(
      words, options.trained.empty() ? WordsForTasks(options, context) : WordsForJob(options, context));
  if (!words.has_value()) return kExitUsage;
  words->insert(words->end(),
                {"--pictures", absl::StrCat(options.pictures), "--out", AbsolutePath(options.out, context)});
  PRETEXT_ASSIGN_OR_RETURN(const Json sheet, AskWorker(*words, context));
  for (const Json& remark : sheet.value("remarks", Json::array())) {
    *context.err << OneLine(remark.get<std::string>()) << "\n";
  }
  switch (options.job.format) {
    case OutputFormat::kJson:
      *context.out << sheet.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
      break;
    case OutputFormat::kYaml:
      *context.out << JsonToYaml(sheet);
      break;
    default:
      *context.out << SheetText(sheet);
  }
  return kExitOk;
}

}  // namespace

CommandRun AddShowBatch(CLI::App* app) {
  auto options = std::make_shared<ShowBatchOptions>();
  app->add_option("--data", options->job.data,
                  "Folder of pictures or IDX file; with --job: other pictures than the job's")
      ->type_name("PATH");
  CLI::Option* task =
      app->add_option("--task", options->tasks, "One task or several: rotation or moco,jigsaw")
          ->type_name("TASKS");
  CLI::Option* job = app->add_option("--job", options->trained,
                                     "Show what the newest checkpoint of this job answers: its name or its "
                                     "output folder")
                         ->type_name("JOB|OUT");
  app->add_option("--stage", options->stage,
                  "With --job: name of the pretraining stage; default: the last that has a checkpoint")
      ->type_name("NAME")
      ->needs(job);
  app->add_option("--set", options->job.sets,
                  "Any field of the job by its path, e.g. "
                  "stages[0].pretrain.tasks[0].jigsaw.grid=2; repeatable")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app->add_option("--image-size", options->job.image_size,
                  "Side of the pictures as the network gets them; default as in training")
      ->check(CLI::Range(8, 4096))
      ->type_name("N");
  app->add_option("--seed", options->job.seed,
                  "Chooses the pictures and how they are drawn; default 0, or the job's")
      ->type_name("N");
  app->add_option("--pictures", options->pictures, "How many; default 8")
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  app->add_option("--out", options->out, "The PNG file to write; default batch.png")->type_name("FILE");
  AddFormatOption(app, &options->job.format);
  app->footer(
      "Before training, whether the task can be solved at all:\n"
      "  pretext show-batch --data pictures/ --task jigsaw\n"
      "After it, what was learnt:\n"
      "  pretext show-batch --job OUT");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
