#include "client/commands/training/evaluate.h"

#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/session/local_paths.h"
#include "client/submission/job_options.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct EvaluateOptions {
  JobOptions job;
  std::string test, test_labels;
  bool knn = false;
  bool linear = false;
};

absl::StatusOr<int> Run(const EvaluateOptions& options, CommandContext& context) {
  Submission submission;
  v1::EvaluateStage* stage = submission.spec.add_stages()->mutable_evaluate();
  PRETEXT_RETURN_IF_ERROR(FillJob(options.job, context, &submission));
  PRETEXT_ASSIGN_OR_RETURN(*submission.spec.mutable_data()->mutable_labels(),
                           ChooseLabels(options.job, context));
  const bool both = !options.knn && !options.linear;
  if (options.knn || both) stage->mutable_knn();
  if (options.linear || both) stage->mutable_linear();
  if (options.job.image_size.has_value()) stage->set_image_size(*options.job.image_size);
  if (!options.job.backbone.empty()) stage->mutable_backbone()->set_name(options.job.backbone);
  PRETEXT_ASSIGN_OR_RETURN(*stage->mutable_init(), ChooseInit(options.job.from, context));
  if (!options.test.empty()) {
    JobOptions test;
    test.data = options.test;
    test.labels = options.test_labels;
    stage->mutable_test()->set_images(AbsolutePath(options.test, context));
    PRETEXT_ASSIGN_OR_RETURN(*stage->mutable_test()->mutable_labels(), ChooseLabels(test, context));
  }
  for (const auto& [field, option] :
       {std::pair("backbone", "--backbone"), std::pair("image_size", "--image-size"),
        std::pair("test", "--test"), std::pair("test.labels", "--test-labels"),
        std::pair("init", "--from")}) {
    submission.places.SetOption(absl::StrCat("stages[0].evaluate.", field), option);
  }
  return FinishAndSubmit(options.job, std::move(submission), context);
}

}  // namespace

CommandRun AddEvaluate(CLI::App* app) {
  auto options = std::make_shared<EvaluateOptions>();
  AddJobOptions(app, &options->job);
  AddLabelledOptions(app, &options->job);
  app->add_flag("--knn", options->knn, "The kNN probe alone; default: both");
  app->add_flag("--linear", options->linear, "The linear probe alone; default: both");
  app->add_option("--test", options->test,
                  "Labelled pictures that are scored; default: a fifth of DATA is held out")
      ->type_name("PATH");
  app->add_option("--test-labels", options->test_labels, "Their labels, as --labels")->type_name("LABELS");
  app->footer(
      "  pretext evaluate --data labelled/ --from pretext-out/moco\n"
      "What the same network gives before any training: --from random --backbone NAME");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
