#include "client/commands/jobs/list_jobs.h"

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

struct JobsOptions {
  std::string filter, order_by;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> Run(const JobsOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                           ListAllJobs(options.filter, options.order_by, coordinator.client));
  if (options.format != OutputFormat::kTable) {
    MessageWriter writer(context.out, options.format == OutputFormat::kYaml
                                          ? MessageWriter::Form::kYamlList
                                          : MessageWriter::Form::kJsonArray);
    for (const v1::Job& job : jobs) writer.Add(job);
    writer.Finish();
  } else if (jobs.empty()) {
    *context.err << (options.filter.empty() ? "No jobs yet. To make one: pretext pretrain --data FOLDER\n"
                                            : "No job matches the filter.\n");
  } else {
    *context.out << JobsTable(jobs, context.clock->Now(), context.terminal_width());
  }
  return kExitOk;
}

}  // namespace

CommandRun AddJobs(CLI::App* app) {
  auto options = std::make_shared<JobsOptions>();
  app->add_option(
         "--filter", options->filter,
         "Terms joined by AND, e.g. 'state = RUNNING AND labels.team = \"vision\"'; fields: state, name, "
         "priority, create_time, labels.KEY")
      ->type_name("FILTER");
  app->add_option("--order-by", options->order_by,
                  "create_time, priority or name; \" desc\" may follow. Default: newest first")
      ->type_name("ORDER");
  AddFormatOption(app, &options->format);
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
