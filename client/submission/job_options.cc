#include "client/submission/job_options.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/local_paths.h"
#include "proto/cpp/defaults.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr char kOutFolder[] = "pretext-out";

// Makes pretext-out/NAME below the working directory, with the first number that is free: two jobs submitted
// at once get two folders.
absl::StatusOr<std::string> MakeOutFolder(const std::string& name, const CommandContext& context) {
  const std::string parent = absl::StrCat(context.working_directory, "/", kOutFolder);
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  for (int number = 1; !error; ++number) {
    const std::string folder = absl::StrCat(parent, "/", name, number > 1 ? absl::StrCat("-", number) : "");
    if (std::filesystem::create_directory(folder, error)) return folder;
  }
  return WithReason(absl::UnknownError(absl::StrCat("cannot make a folder for the results in ", parent, ": ",
                                                    error.message(), "; name another with --out")),
                    kLocalFileReason);
}

std::string DefaultName(v1::JobSpec spec) {
  ApplyDefaults(&spec);
  return spec.name().empty() ? "job" : spec.name();
}

}  // namespace

void AddJobOptions(CLI::App* app, JobOptions* options) {
  app->add_option("--data", options->data,
                  "Folder of pictures, searched with its sub-folders, or an IDX file")
      ->required()
      ->type_name("PATH");
  app->add_option("--backbone", options->backbone,
                  "resnet18 (default), resnet34, resnet50, resnet10_narrow or resnet18_narrow")
      ->type_name("NAME");
  app->add_option(
         "--image-size", options->image_size,
         "Side of the square given to the network in pixels; default: the pictures' own side up to 96, "
         "else 224")
      ->type_name("N");
  app->add_option("--out", options->out, "Folder for the results; default pretext-out/NAME")
      ->type_name("OUT");
  app->add_option("--name", options->name, "Name of the job; default: from its first stage")
      ->type_name("NAME");
  app->add_option("--ranks,--world-size", options->ranks,
                  "Processes that share the work, one device each; default 1")
      ->type_name("N");
  app->add_option("--device", options->device, "cpu (default) or gpu")->type_name("DEVICE");
  app->add_option("--threads", options->threads, "Compute threads of a rank; default: its share of the cores")
      ->type_name("N");
  app->add_option("--seed", options->seed, "Source of all randomness; default 0")->type_name("N");
  app->add_option("--priority", options->priority, "Higher goes first; default 0")->type_name("N");
  app->add_option(
         "--set", options->sets,
         "Any field of the job by its path, e.g. stages[0].pretrain.optimizer.kind=ADAMW; repeatable")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app->add_flag("--detach", options->detach, "Submit and return; do not follow");
  app->add_flag("--quiet", options->quiet, "Submit and print the job's name alone");
  AddFormatOption(app, &options->format);
}

void AddLabelledOptions(CLI::App* app, JobOptions* options) {
  app->add_option(
         "--labels", options->labels,
         "folders (a picture's label is its first sub-folder), a .csv with the columns path and label, or "
         "an IDX file; default: DATA/labels.csv if it is there, else folders")
      ->type_name("LABELS");
  app->add_option("--from", options->from,
                  "What to start from: an output folder, a .safetensors file, a job, or random")
      ->required()
      ->type_name("OUT|FILE|JOB");
}

absl::Status FillJob(const JobOptions& options, const CommandContext& context, Submission* submission) {
  v1::JobSpec& spec = submission->spec;
  spec.set_name(options.name);
  submission->places.SetOption("name", "--name");
  spec.mutable_data()->set_images(AbsolutePath(options.data, context));
  submission->places.SetOption("data", "--data");
  submission->places.SetOption("data.labels", "--labels");
  spec.set_output(AbsolutePath(options.out, context));
  submission->places.SetOption("output", "--out");
  if (options.ranks.has_value()) spec.mutable_resources()->set_world_size(*options.ranks);
  submission->places.SetOption("resources.world_size", "--ranks");
  if (options.threads.has_value()) spec.mutable_resources()->set_threads(*options.threads);
  submission->places.SetOption("resources.threads", "--threads");
  if (options.seed.has_value()) spec.set_seed(*options.seed);
  if (options.priority.has_value()) spec.set_priority(*options.priority);
  submission->places.SetOption("priority", "--priority");
  if (options.device.empty()) return absl::OkStatus();
  v1::Resources::Device device;
  if (!v1::Resources::Device_Parse(absl::AsciiStrToUpper(options.device), &device) ||
      device == v1::Resources::DEVICE_UNSPECIFIED) {
    return absl::InvalidArgumentError(absl::StrCat("--device: there is no device '", options.device, "'",
                                                   DidYouMean(options.device, {"cpu", "gpu"})));
  }
  spec.mutable_resources()->set_device(device);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ChooseLabels(const JobOptions& options, const CommandContext& context) {
  if (!options.labels.empty()) return options.labels;
  const std::string data = AbsolutePath(options.data, context);
  const std::string table = absl::StrCat(data, "/labels.csv");
  if (PathExists(table)) return table;
  std::error_code error;
  if (std::filesystem::is_regular_file(data, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--labels: is missing, and ", data, " is a file; name the IDX file with its labels"));
  }
  return "folders";
}

absl::StatusOr<v1::InitSpec> ChooseInit(const std::string& from, const CommandContext& context) {
  v1::InitSpec init;
  const std::string path = AbsolutePath(from, context);
  if (from == "random") {
    init.mutable_random();
    return init;
  }
  if (PathExists(path)) {
    init.set_file(path);
    return init;
  }
  const bool is_path = absl::EndsWith(from, ".safetensors") || absl::StartsWith(from, "/") ||
                       absl::StartsWith(from, ".") || absl::StartsWith(from, "~/");
  if (is_path) {
    // Another machine's coordinator may see what this one does not.
    if (context.server.empty())
      return absl::InvalidArgumentError(absl::StrCat("--from: there is no file or folder ", path));
    init.set_file(path);
    return init;
  }
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kCallPatience));
  const absl::StatusOr<v1::Job> job = FindJob(from, coordinator.client);
  if (absl::IsNotFound(job.status())) {
    return absl::NotFoundError(absl::StrCat("--from: there is neither a file or folder ", path,
                                            " nor such a job: ", job.status().message()));
  }
  if (!job.ok()) return job.status();
  init.set_job(job->name());
  return init;
}

absl::Status ApplySets(const std::vector<std::string>& sets, Submission* submission) {
  for (const std::string& set : sets) {
    PRETEXT_RETURN_IF_ERROR(SetField(set, &submission->spec));
    const std::string path = set.substr(0, set.find('='));
    submission->places.SetOption(path, absl::StrCat("--set ", path));
    // What stood there does not matter any more.
    auto& faults = submission->faults;
    faults.erase(std::remove_if(faults.begin(), faults.end(),
                                [&](const SpecFault& fault) { return fault.path == path; }),
                 faults.end());
  }
  return absl::OkStatus();
}

absl::StatusOr<int> FinishAndSubmit(const JobOptions& options, Submission submission,
                                    CommandContext& context) {
  PRETEXT_RETURN_IF_ERROR(ApplySets(options.sets, &submission));
  MakePathsAbsolute(context, &submission.spec);
  SubmitOptions submit;
  submit.format = options.format;
  if (options.detach) submit.then = SubmitOptions::Then::kDetach;
  if (options.quiet) submit.then = SubmitOptions::Then::kName;
  // A coordinator elsewhere keeps the results, unless it is told where.
  if (!submission.spec.output().empty() || !context.server.empty() ||
      !FindFaults(submission, context).empty()) {
    return Submit(submission, submit, context);
  }
  PRETEXT_ASSIGN_OR_RETURN(const std::string folder, MakeOutFolder(DefaultName(submission.spec), context));
  submission.spec.set_output(folder);
  const absl::StatusOr<int> code = Submit(submission, submit, context);
  std::error_code error;
  // Goes away if nothing became of it.
  if (!code.ok() || *code == kExitUsage) std::filesystem::remove(folder, error);
  return code;
}

}  // namespace pretext
