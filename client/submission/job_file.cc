#include "client/submission/job_file.h"

#include <fstream>
#include <sstream>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/session/local_paths.h"
#include "client/submission/job_options.h"
#include "proto/cpp/spec_parsing.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

absl::StatusOr<std::string> ReadText(const std::string& file, const CommandContext& context) {
  std::ostringstream text;
  if (file == "-") {
    text << context.in->rdbuf();
    return text.str();
  }
  const std::string path = AbsolutePath(file, context);
  if (IsFolder(path)) return absl::NotFoundError(absl::StrCat(file, " is a folder, not a job file"));
  std::ifstream stream(path, std::ios::binary);
  // An empty file is read, but nothing is taken from it, which counts as a failure of its copy.
  const bool is_empty = stream && stream.peek() == std::ifstream::traits_type::eof() && !stream.bad();
  if (!is_empty && !(text << stream.rdbuf()))
    return absl::NotFoundError(absl::StrCat("cannot read the job file ", file));
  return text.str();
}

}  // namespace

void AddJobFileOptions(CLI::App* app, JobFileOptions* options) {
  app->add_option(
         "FILE", options->file,
         "The job as YAML or JSON; - reads standard input. Relative paths in it are taken from the current "
         "folder")
      ->required();
  app->add_option("--out", options->out, "Folder for the results, instead of the file's")->type_name("OUT");
  app->add_option("--name", options->name, "Name of the job, instead of the file's")->type_name("NAME");
  app->add_option(
         "--set", options->sets,
         "Any field by its path, instead of the file's, e.g. stages[0].pretrain.epochs=5; repeatable")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
}

absl::StatusOr<Submission> ReadJobFile(const JobFileOptions& options, const CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, ReadText(options.file, context));
  ParsedSpec parsed = ParseSpec(text);
  Submission submission;
  submission.spec = std::move(parsed.spec);
  submission.faults = std::move(parsed.faults);
  submission.places =
      FieldPlaces(options.file == "-" ? "standard input" : options.file, std::move(parsed.places));
  if (!options.name.empty()) {
    submission.spec.set_name(options.name);
    submission.places.SetOption("name", "--name");
  }
  if (!options.out.empty()) {
    submission.spec.set_output(options.out);
    submission.places.SetOption("output", "--out");
  }
  PRETEXT_RETURN_IF_ERROR(ApplySets(options.sets, &submission));
  MakePathsAbsolute(context, &submission.spec);
  return submission;
}

}  // namespace pretext
