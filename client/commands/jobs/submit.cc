#include "client/commands/jobs/submit.h"

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "client/session/exit_codes.h"
#include "client/submission/job_file.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct SubmitFileOptions {
  JobFileOptions file;
  SubmitOptions submit;
  bool follow = false;
  bool quiet = false;
};

absl::StatusOr<int> Run(SubmitFileOptions options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Submission submission, ReadJobFile(options.file, context));
  options.submit.then = SubmitOptions::Then::kDetach;
  if (options.follow) options.submit.then = SubmitOptions::Then::kFollow;
  if (options.quiet) options.submit.then = SubmitOptions::Then::kName;
  return Submit(submission, options.submit, context);
}

}  // namespace

CommandRun AddSubmit(CLI::App* app) {
  auto options = std::make_shared<SubmitFileOptions>();
  AddJobFileOptions(app, &options->file);
  auto* follow = app->add_flag("--follow", options->follow, "Follow the job to its end");
  app->add_flag("--quiet", options->quiet, "Print the job's name alone")->excludes(follow);
  app->add_option("--request-id", options->submit.request_id,
                  "A UUID of yours: the same id and job, however often submitted, make one job")
      ->type_name("UUID");
  AddFormatOption(app, &options->submit.format);
  app->footer(
      "Everything that is wrong with a job is reported at once, with its line; nothing is queued then.");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
