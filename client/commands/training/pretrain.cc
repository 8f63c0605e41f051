#include "client/commands/training/pretrain.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/submission/job_options.h"
#include "google/protobuf/descriptor.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct PretrainOptions {
  JobOptions job;
  std::string tasks = "moco";
  std::optional<int32_t> epochs;
  std::optional<int64_t> max_steps;
  std::optional<int32_t> batch_size;
  std::optional<double> learning_rate;
};

absl::StatusOr<v1::TaskSpec> ParseTask(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::string name = std::string(absl::StripAsciiWhitespace(parts.first));
  const auto* tasks = v1::TaskSpec::descriptor()->FindOneofByName("task");
  std::vector<std::string> names;
  for (int i = 0; i < tasks->field_count(); ++i) names.push_back(tasks->field(i)->name());
  v1::TaskSpec task;
  const auto* field = v1::TaskSpec::descriptor()->FindFieldByName(name);
  if (field == nullptr || field->containing_oneof() != tasks) {
    return absl::InvalidArgumentError(
        absl::StrCat("--task: there is no task '", name, "'", DidYouMean(name, names)));
  }
  task.GetReflection()->MutableMessage(&task, field);
  if (text.find(':') == absl::string_view::npos) return task;
  double weight;
  if (!absl::SimpleAtod(parts.second, &weight)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--task: the weight of ", name, " must be a number, as in ", name, ":0.3, not '", parts.second, "'"));
  }
  task.set_weight(weight);
  return task;
}

absl::StatusOr<int> Run(const PretrainOptions& options, CommandContext& context) {
  Submission submission;
  v1::PretrainStage* stage = submission.spec.add_stages()->mutable_pretrain();
  PRETEXT_RETURN_IF_ERROR(FillJob(options.job, context, &submission));
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<v1::TaskSpec> tasks, ParseTasks(options.tasks));
  for (const v1::TaskSpec& task : tasks) *stage->add_tasks() = task;
  stage->mutable_backbone()->set_name(options.job.backbone);
  if (options.epochs.has_value()) stage->set_epochs(*options.epochs);
  if (options.max_steps.has_value()) stage->set_max_steps(*options.max_steps);
  if (options.batch_size.has_value()) stage->set_batch_size(*options.batch_size);
  if (options.job.image_size.has_value()) stage->set_image_size(*options.job.image_size);
  if (options.learning_rate.has_value())
    stage->mutable_optimizer()->set_learning_rate(*options.learning_rate);
  if (!options.job.from.empty()) {
    PRETEXT_ASSIGN_OR_RETURN(*stage->mutable_init(), ChooseInit(options.job.from, context));
  }
  for (const auto& [field, option] :
       {std::pair("tasks", "--task"), std::pair("backbone", "--backbone"), std::pair("epochs", "--epochs"),
        std::pair("max_steps", "--max-steps"), std::pair("batch_size", "--batch-size"),
        std::pair("image_size", "--image-size"), std::pair("optimizer.learning_rate", "--learning-rate"),
        std::pair("init", "--from")}) {
    submission.places.SetOption(absl::StrCat("stages[0].pretrain.", field), option);
  }
  return FinishAndSubmit(options.job, std::move(submission), context);
}

}  // namespace

absl::StatusOr<std::vector<v1::TaskSpec>> ParseTasks(absl::string_view text) {
  std::vector<v1::TaskSpec> tasks;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    PRETEXT_ASSIGN_OR_RETURN(v1::TaskSpec task, ParseTask(part));
    tasks.push_back(std::move(task));
  }
  return tasks;
}

CommandRun AddPretrain(CLI::App* app) {
  auto options = std::make_shared<PretrainOptions>();
  AddJobOptions(app, &options->job);
  app->add_option(
         "--task", options->tasks,
         "One or several, with weights: moco (default) or moco,rotation:0.3; `pretext tasks` lists them")
      ->type_name("TASKS");
  app->add_option("--epochs", options->epochs, "Passes over the pictures; default 100")->type_name("N");
  app->add_option("--max-steps", options->max_steps, "Steps, instead of --epochs")->type_name("N");
  app->add_option("--batch-size", options->batch_size, "Pictures a step over all ranks; default 256")
      ->type_name("N");
  app->add_option(
         "--learning-rate", options->learning_rate,
         "Peak rate for the batch as given; default 0.03 (moco) or 0.05 (others) times batch size / 256")
      ->type_name("X");
  app->add_option("--from", options->job.from,
                  "Start from these weights instead of random ones: an output folder, a file or a job")
      ->type_name("OUT|FILE|JOB");
  app->footer(
      "A folder in, weights out:\n"
      "  pretext pretrain --data pictures/ --task moco --epochs 100\n"
      "Then judge them: pretext evaluate --data labelled/ --from OUT");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
