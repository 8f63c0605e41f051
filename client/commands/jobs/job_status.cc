#include "client/commands/jobs/job_status.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/following/job_end.h"
#include "client/render/job_feed.h"
#include "client/render/job_text.h"
#include "client/render/json_to_yaml.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/render/stage_results.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/output_format.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

using Json = nlohmann::ordered_json;

struct StatusOptions {
  std::string job;
  OutputFormat format = OutputFormat::kTable;
};

std::vector<FinishedStage> ReadResults(const v1::Job& job, CoordinatorClient* client) {
  const int done = job.state() == v1::Job::SUCCEEDED ? job.spec().stages_size() : StageIndex(job);
  const MetricValues newest(job.progress().metrics().begin(), job.progress().metrics().end());
  std::vector<FinishedStage> results;
  for (int i = 0; i < done; ++i) results.push_back({i, ReadStageResult(job, i, newest, client)});
  return results;
}

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
      *context.out << JobSections(job, ReadResults(job, coordinator.client), context.clock->Now());
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

std::string ExplanationText(const v1::Job& job, const std::vector<v1::Node>& nodes,
                            const CommandContext& context) {
  std::string text = absl::StrCat(job.name(), " ", StateText(job.state()));
  if (!job.reason().empty()) absl::StrAppend(&text, ": ", OneLine(job.reason()));
  absl::StrAppend(&text, "\n");
  if (job.state() != v1::Job::QUEUED) return text;
  absl::StrAppend(&text, NeedText(job.spec()), "\n\n");
  absl::StrAppend(&text, nodes.empty() ? "No machine has joined yet.\n"
                                       : NodesTable(nodes, context.clock->Now(), context.terminal_width()));
  return text;
}

// {"job": the job, "nodes": [every machine]}.
Json ExplanationJson(const v1::Job& job, const std::vector<v1::Node>& nodes) {
  Json json = {{"job", Json::parse(MessageToJsonLine(job))}, {"nodes", Json::array()}};
  for (const v1::Node& node : nodes) json["nodes"].push_back(Json::parse(MessageToJsonLine(node)));
  return json;
}

absl::StatusOr<int> RunExplain(const StatusOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListNodesResponse response, coordinator.client->ListNodes());
  const std::vector<v1::Node> nodes(response.nodes().begin(), response.nodes().end());
  switch (options.format) {
    case OutputFormat::kJson:
      *context.out << ExplanationJson(job, nodes).dump(2) << "\n";
      break;
    case OutputFormat::kYaml:
      *context.out << JsonToYaml(ExplanationJson(job, nodes));
      break;
    default:
      *context.out << ExplanationText(job, nodes, context);
  }
  return kExitOk;
}

std::shared_ptr<StatusOptions> AddStatusOptions(CLI::App* app) {
  auto options = std::make_shared<StatusOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  AddFormatOption(app, &options->format);
  return options;
}

}  // namespace

CommandRun AddStatus(CLI::App* app) {
  auto options = AddStatusOptions(app);
  return [options](CommandContext& context) { return RunStatus(*options, context); };
}

CommandRun AddExplain(CLI::App* app) {
  auto options = AddStatusOptions(app);
  return [options](CommandContext& context) { return RunExplain(*options, context); };
}

}  // namespace pretext
