#include "client/commands/service/show_version.h"

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/render/json_to_yaml.h"
#include "client/render/plain_text.h"
#include "client/session/exit_codes.h"
#include "client/session/output_format.h"
#include "nlohmann/json.hpp"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/version.h"

namespace pretext {
namespace {

absl::StatusOr<int> Run(OutputFormat format, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::GetVersionResponse version, coordinator.client->GetVersion());
  const nlohmann::ordered_json json = {{"client", kVersion},
                                       {"coordinator", version.version()},
                                       {"state_directory", version.state_directory()}};
  switch (format) {
    case OutputFormat::kJson:
      *context.out << json.dump(2) << "\n";
      break;
    case OutputFormat::kYaml:
      *context.out << JsonToYaml(json);
      break;
    default:
      *context.out << "pretext      " << kVersion << "\ncoordinator  " << OneLine(version.version())
                   << ", state in " << OneLine(version.state_directory()) << "\n";
  }
  return kExitOk;
}

}  // namespace

CommandRun AddVersion(CLI::App* app) {
  auto format = std::make_shared<OutputFormat>(OutputFormat::kTable);
  AddFormatOption(app, format.get());
  app->footer("pretext --version prints this program's alone and calls nobody.");
  return [format](CommandContext& context) { return Run(*format, context); };
}

}  // namespace pretext
