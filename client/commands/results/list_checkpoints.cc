#include "client/commands/results/list_checkpoints.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "client/render/job_text.h"
#include "client/render/message_text.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/output_format.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct CheckpointsOptions {
  std::string job;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> Run(const CheckpointsOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListCheckpointsResponse response,
                           coordinator.client->ListCheckpoints(job.name()));
  const std::vector<v1::Checkpoint> checkpoints(response.checkpoints().begin(), response.checkpoints().end());
  if (options.format != OutputFormat::kTable) {
    MessageWriter writer(context.out, options.format == OutputFormat::kYaml
                                          ? MessageWriter::Form::kYamlList
                                          : MessageWriter::Form::kJsonArray);
    for (const v1::Checkpoint& checkpoint : checkpoints) writer.Add(checkpoint);
    writer.Finish();
  } else if (checkpoints.empty()) {
    *context.err << "No checkpoint yet.\n";
  } else {
    *context.out << CheckpointsTable(checkpoints, context.clock->Now(), context.terminal_width());
  }
  return kExitOk;
}

}  // namespace

CommandRun AddCheckpoints(CLI::App* app) {
  auto options = std::make_shared<CheckpointsOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  AddFormatOption(app, &options->format);
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
