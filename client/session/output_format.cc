#include "client/session/output_format.h"

#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "proto/cpp/nearest_name.h"

namespace pretext {

void AddFormatOption(CLI::App* app, OutputFormat* format, bool with_csv) {
  const auto read = [format, with_csv](const std::string& text) {
    const std::string name = absl::AsciiStrToLower(text);
    if (name == "table") {
      *format = OutputFormat::kTable;
    } else if (name == "json") {
      *format = OutputFormat::kJson;
    } else if (name == "yaml") {
      *format = OutputFormat::kYaml;
    } else if (name == "csv" && with_csv) {
      *format = OutputFormat::kCsv;
    } else {
      std::vector<std::string> names = {"table", "json", "yaml"};
      if (with_csv) names.push_back("csv");
      throw CLI::ValidationError("-o",
                                 absl::StrCat("there is no format '", text, "'", DidYouMean(text, names)));
    }
  };
  app->add_option_function<std::string>(
         "-o,--format", read,
         with_csv ? "table (for people), json, yaml or csv" : "table (for people), json or yaml")
      ->type_name("FORMAT");
}

}  // namespace pretext
