#include "client/commands/jobs/validate_job.h"

#include <algorithm>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "client/render/message_text.h"
#include "client/session/exit_codes.h"
#include "client/submission/job_file.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/spec_writing.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct ValidateOptions {
  JobFileOptions file;
  OutputFormat format = OutputFormat::kTable;
};

// Only a coordinator knows other jobs.
bool NamesJobs(const v1::JobSpec& spec) {
  return std::any_of(spec.stages().begin(), spec.stages().end(), [](const v1::Stage& stage) {
    return stage.pretrain().init().has_job() || stage.finetune().init().has_job() ||
           stage.evaluate().init().has_job();
  });
}

absl::Status AskCoordinator(const Submission& submission, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  v1::CreateJobRequest request;
  *request.mutable_spec() = submission.spec;
  request.set_validate_only(true);
  return coordinator.client->CreateJob(request).status();
}

absl::StatusOr<int> Run(const ValidateOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Submission submission, ReadJobFile(options.file, context));
  const std::vector<std::string> faults = FindFaults(submission, context);
  for (const std::string& fault : faults) *context.err << fault << "\n";
  if (!faults.empty()) return kExitUsage;
  if (!context.server.empty() || NamesJobs(submission.spec)) {
    const absl::Status status = AskCoordinator(submission, context);
    if (!status.ok()) return ShowRefusal(status, submission.places, context);
  }

  v1::JobSpec resolved = submission.spec;
  ApplyDefaults(&resolved);
  switch (options.format) {
    case OutputFormat::kJson:
      *context.out << MessageToJson(resolved);
      break;
    case OutputFormat::kYaml:
      *context.out << SpecToYaml(resolved, FindOrigins(submission.spec, resolved));
      break;
    default:
      *context.out << options.file.file << " is fine: " << resolved.stages_size()
                   << (resolved.stages_size() == 1 ? " stage" : " stages") << ", job '" << resolved.name()
                   << "'. -o yaml shows it with every default.\n";
  }
  return kExitOk;
}

}  // namespace

CommandRun AddValidate(CLI::App* app) {
  auto options = std::make_shared<ValidateOptions>();
  AddJobFileOptions(app, &options->file);
  AddFormatOption(app, &options->format);
  app->footer("-o yaml prints the job with all defaults, and where each value came from.");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
