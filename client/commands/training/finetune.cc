#include "client/commands/training/finetune.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/session/local_paths.h"
#include "client/submission/job_options.h"
#include "google/protobuf/descriptor.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct FinetuneOptions {
  JobOptions job;
  std::string test, test_labels;
  std::string recipe;
  std::string unlabelled, unlabelled_data;
  std::optional<int32_t> epochs;
  std::optional<int64_t> max_steps;
  std::optional<int32_t> batch_size;
  std::optional<double> learning_rate;
  std::optional<int32_t> labels_per_class;
  std::optional<uint64_t> label_draw;
};

// The value of `values` that an option's `text` names, as people write it: "fine_tune", "fine-tune". 0 for an
// empty text. `what` is what the option chooses.
absl::StatusOr<int> ParseValue(const std::string& option, absl::string_view what, const std::string& text,
                               const google::protobuf::EnumDescriptor& values) {
  if (text.empty()) return 0;
  const std::string name = absl::AsciiStrToUpper(absl::StrReplaceAll(text, {{"-", "_"}}));
  std::vector<std::string> names;
  for (int i = 1; i < values.value_count(); ++i) {
    if (values.value(i)->name() == name) return values.value(i)->number();
    names.push_back(absl::AsciiStrToLower(values.value(i)->name()));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": there is no ", what, " '", text, "'", DidYouMean(text, names)));
}

absl::Status FillUnlabelled(const FinetuneOptions& options, const CommandContext& context,
                            v1::FinetuneStage* stage) {
  if (options.unlabelled.empty() && options.unlabelled_data.empty()) return absl::OkStatus();
  PRETEXT_ASSIGN_OR_RETURN(const int method, ParseValue("--unlabelled", "method", options.unlabelled,
                                                        *v1::UnlabelledSpec::Method_descriptor()));
  stage->mutable_unlabelled()->set_method(static_cast<v1::UnlabelledSpec::Method>(method));
  if (options.unlabelled_data.empty()) return absl::OkStatus();
  stage->mutable_unlabelled()->mutable_data()->set_images(AbsolutePath(options.unlabelled_data, context));
  return absl::OkStatus();
}

absl::Status FillStage(const FinetuneOptions& options, const CommandContext& context,
                       v1::FinetuneStage* stage) {
  stage->mutable_classify();
  PRETEXT_ASSIGN_OR_RETURN(const int recipe, ParseValue("--recipe", "recipe", options.recipe,
                                                        *v1::FinetuneStage::Recipe_descriptor()));
  stage->set_recipe(static_cast<v1::FinetuneStage::Recipe>(recipe));
  PRETEXT_RETURN_IF_ERROR(FillUnlabelled(options, context, stage));
  if (options.epochs.has_value()) stage->set_epochs(*options.epochs);
  if (options.max_steps.has_value()) stage->set_max_steps(*options.max_steps);
  if (options.batch_size.has_value()) stage->set_batch_size(*options.batch_size);
  if (options.job.image_size.has_value()) stage->set_image_size(*options.job.image_size);
  if (options.learning_rate.has_value()) stage->set_learning_rate(*options.learning_rate);
  if (!options.job.backbone.empty()) stage->mutable_backbone()->set_name(options.job.backbone);
  PRETEXT_ASSIGN_OR_RETURN(*stage->mutable_init(), ChooseInit(options.job.from, context));
  if (options.test.empty()) return absl::OkStatus();
  JobOptions test;
  test.data = options.test;
  test.labels = options.test_labels;
  stage->mutable_test()->set_images(AbsolutePath(options.test, context));
  PRETEXT_ASSIGN_OR_RETURN(*stage->mutable_test()->mutable_labels(), ChooseLabels(test, context));
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const FinetuneOptions& options, CommandContext& context) {
  Submission submission;
  v1::FinetuneStage* stage = submission.spec.add_stages()->mutable_finetune();
  PRETEXT_RETURN_IF_ERROR(FillJob(options.job, context, &submission));
  PRETEXT_ASSIGN_OR_RETURN(*submission.spec.mutable_data()->mutable_labels(),
                           ChooseLabels(options.job, context));
  v1::DataSpec* data = submission.spec.mutable_data();
  if (options.labels_per_class.has_value()) data->set_labels_per_class(*options.labels_per_class);
  if (options.label_draw.has_value()) data->set_label_draw(*options.label_draw);
  submission.places.SetOption("data.labels_per_class", "--labels-per-class");
  PRETEXT_RETURN_IF_ERROR(FillStage(options, context, stage));
  for (const auto& [field, option] :
       {std::pair("recipe", "--recipe"), std::pair("backbone", "--backbone"), std::pair("epochs", "--epochs"),
        std::pair("max_steps", "--max-steps"), std::pair("batch_size", "--batch-size"),
        std::pair("image_size", "--image-size"), std::pair("learning_rate", "--learning-rate"),
        std::pair("test", "--test"), std::pair("test.labels", "--test-labels"),
        std::pair("unlabelled", "--unlabelled"), std::pair("unlabelled.data", "--unlabelled-data"),
        std::pair("init", "--from")}) {
    submission.places.SetOption(absl::StrCat("stages[0].finetune.", field), option);
  }
  return FinishAndSubmit(options.job, std::move(submission), context);
}

}  // namespace

CommandRun AddFinetune(CLI::App* app) {
  auto options = std::make_shared<FinetuneOptions>();
  AddJobOptions(app, &options->job);
  AddLabelledOptions(app, &options->job);
  app->add_option(
         "--test", options->test,
         "Labelled pictures to be judged by, read once at the end; default: a tenth of DATA is held out")
      ->type_name("PATH");
  app->add_option("--test-labels", options->test_labels, "Their labels, as --labels")->type_name("LABELS");
  app->add_option(
         "--recipe", options->recipe,
         "fine_tune (default: the head first, then all with rates that grow from layer to layer), ulmfit "
         "(unfrozen one group after the other), linear_probe (backbone frozen) or full (one rate)")
      ->type_name("RECIPE");
  app->add_option(
         "--unlabelled", options->unlabelled,
         "Learn from DATA's pictures without labels too: uda, or fixmatch; about ten times the work a "
         "step")
      ->type_name("METHOD");
  app->add_option("--unlabelled-data", options->unlabelled_data,
                  "Other pictures to learn from without labels; implies --unlabelled uda")
      ->type_name("PATH");
  app->add_option("--epochs", options->epochs,
                  "Passes after the frozen phase; default 5, more for few labels")
      ->type_name("N");
  app->add_option("--max-steps", options->max_steps, "Steps, instead of --epochs")->type_name("N");
  app->add_option("--batch-size", options->batch_size, "Pictures a step over all ranks; default 64")
      ->type_name("N");
  app->add_option("--learning-rate", options->learning_rate, "Base rate; default 2e-3 for fine_tune")
      ->type_name("X");
  app->add_option("--labels-per-class", options->labels_per_class,
                  "Use only so many labels of each class, drawn at random")
      ->type_name("N");
  app->add_option("--label-draw", options->label_draw, "Which random draw of labels; default 0")
      ->type_name("N");
  app->footer(
      "  pretext finetune --data labelled/ --from pretext-out/moco --epochs 5\n"
      "From scratch, to compare: --from random --recipe full, with the --backbone and --image-size of the "
      "weights");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
