#include "client/commands/service/list_nodes.h"

#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/render/job_text.h"
#include "client/render/message_text.h"
#include "client/session/exit_codes.h"
#include "client/session/output_format.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct NodeOptions {
  std::string node;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<int> RunNodes(OutputFormat format, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListNodesResponse response, coordinator.client->ListNodes());
  const std::vector<v1::Node> nodes(response.nodes().begin(), response.nodes().end());
  if (format != OutputFormat::kTable) {
    MessageWriter writer(context.out, format == OutputFormat::kYaml ? MessageWriter::Form::kYamlList
                                                                    : MessageWriter::Form::kJsonArray);
    for (const v1::Node& node : nodes) writer.Add(node);
    writer.Finish();
  } else if (nodes.empty()) {
    *context.err << "No machine has joined yet.\n";
  } else {
    *context.out << NodesTable(nodes, context.clock->Now(), context.terminal_width());
  }
  return kExitOk;
}

// nodes/local for "nodes/local" and "local". NOT_FOUND with the nearest name.
absl::StatusOr<std::string> FindNode(const std::string& text, CoordinatorClient* client) {
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListNodesResponse nodes, client->ListNodes());
  const std::string name = absl::StartsWith(text, "nodes/") ? text : absl::StrCat("nodes/", text);
  std::vector<std::string> names;
  for (const v1::Node& node : nodes.nodes()) {
    if (node.name() == name) return name;
    names.push_back(node.name());
  }
  return absl::NotFoundError(absl::StrCat("there is no node '", text, "'", DidYouMean(name, names)));
}

using Change = absl::StatusOr<v1::Node> (CoordinatorClient::*)(const std::string& name);

CommandRun AddNodeChange(CLI::App* app, Change change) {
  auto options = std::make_shared<NodeOptions>();
  app->add_option("NODE", options->node, "nodes/NAME or NAME; `pretext nodes` lists them")->required();
  AddFormatOption(app, &options->format);
  return [options, change](CommandContext& context) -> absl::StatusOr<int> {
    PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
    PRETEXT_ASSIGN_OR_RETURN(const std::string name, FindNode(options->node, coordinator.client));
    PRETEXT_ASSIGN_OR_RETURN(const v1::Node node, (coordinator.client->*change)(name));
    switch (options->format) {
      case OutputFormat::kJson:
        *context.out << MessageToJson(node);
        break;
      case OutputFormat::kYaml:
        *context.out << MessageToYaml(node);
        break;
      default:
        *context.out << node.name() << " is " << v1::Node::State_Name(node.state()) << "\n";
    }
    return kExitOk;
  };
}

}  // namespace

CommandRun AddNodes(CLI::App* app) {
  auto format = std::make_shared<OutputFormat>(OutputFormat::kTable);
  AddFormatOption(app, format.get());
  return [format](CommandContext& context) { return RunNodes(*format, context); };
}

CommandRun AddDrain(CLI::App* app) {
  app->footer("Ranks that run there finish; new ones go elsewhere.");
  return AddNodeChange(app, &CoordinatorClient::DrainNode);
}

CommandRun AddUndrain(CLI::App* app) { return AddNodeChange(app, &CoordinatorClient::UndrainNode); }

}  // namespace pretext
