#include "client/commands/job_status.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/commands/exit_codes.h"
#include "client/commands/find_job.h"
#include "client/commands/output_format.h"
#include "client/render/job_feed.h"
#include "client/render/job_text.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct StatusOptions {
  std::string job;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> RunStatus(const StatusOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  switch (options.format) {
    case OutputFormat::kJson:
      *context.out << MessageToJson(job);
      break;
    case OutputFormat::kYaml:
      *context.out << MessageToYaml(job);
      break;
    default:
      *context.out << JobSections(job, context.clock->Now());
  }
  return kExitOk;
}

// "needs 2 CPU slots at once, priority 0".
std::string NeedText(const v1::JobSpec& spec) {
  const int32_t ranks = spec.resources().world_size();
  const char* device = spec.resources().device() == v1::Resources::GPU ? "GPU" : "CPU slot";
  return absl::StrCat("It needs ", ranks, " ", device, ranks == 1 ? "" : "s at once", ", priority ",
                      spec.priority(), ".");
}

absl::StatusOr<int> RunExplain(const std::string& name, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(name, coordinator.client));
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListNodesResponse nodes, coordinator.client->ListNodes());
  *context.out << job.name() << " " << StateText(job.state());
  if (!job.reason().empty()) *context.out << ": " << OneLine(job.reason());
  *context.out << "\n";
  if (job.state() != v1::Job::QUEUED) return kExitOk;
  *context.out << NeedText(job.spec()) << "\n\n";
  const std::vector<v1::Node> list(nodes.nodes().begin(), nodes.nodes().end());
  *context.out << (list.empty() ? "No machine has joined yet.\n"
                                : NodesTable(list, context.clock->Now(), context.terminal_width()));
  return kExitOk;
}

}  // namespace

CommandRun AddStatus(CLI::App* app) {
  auto options = std::make_shared<StatusOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  AddFormatOption(app, &options->format);
  return [options](CommandContext& context) { return RunStatus(*options, context); };
}

CommandRun AddExplain(CLI::App* app) {
  auto job = std::make_shared<std::string>();
  app->add_option("JOB", *job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  return [job](CommandContext& context) { return RunExplain(*job, context); };
}

}  // namespace pretext
