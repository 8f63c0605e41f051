#include "client/commands/jobs/watch.h"

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "client/following/follow_job.h"
#include "client/session/find_job.h"
#include "client/session/output_format.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct WatchOptions {
  std::string job;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> Run(const WatchOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  return FollowJob(job.name(), options.format, context);
}

}  // namespace

CommandRun AddWatch(CLI::App* app) {
  auto options = std::make_shared<WatchOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  AddFormatOption(app, &options->format);
  app->footer(
      "Ends when the job has settled: 0 succeeded, 10 failed, 11 cancelled. Ctrl-C leaves the job alone.");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
