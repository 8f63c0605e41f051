#include "client/commands/results/download.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/commands/results/partial_file.h"
#include "client/following/live_screen.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "client/render/table.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/local_paths.h"
#include "client/session/output_format.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct DownloadOptions {
  std::string job;
  std::vector<std::string> paths;
  std::string to = ".";
  bool all = false;
  OutputFormat format = OutputFormat::kTable;
};

// Whether the coordinator's word for a path stays below the folder it is written to.
bool IsSafe(const std::string& path) {
  const std::filesystem::path parts(path);
  if (path.empty() || parts.is_absolute()) return false;
  for (const std::filesystem::path& part : parts) {
    if (part == "..") return false;
  }
  return true;
}

// The files that are meant: each path is a file's or a folder's.
absl::StatusOr<std::vector<v1::Artifact>> Select(const v1::ListArtifactsResponse& artifacts,
                                                 const DownloadOptions& options) {
  std::vector<v1::Artifact> selected;
  std::vector<std::string> names;
  for (const v1::Artifact& artifact : artifacts.artifacts()) {
    names.push_back(artifact.path());
    if (options.all) selected.push_back(artifact);
  }
  for (std::string path : options.paths) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    const size_t before = selected.size();
    for (const v1::Artifact& artifact : artifacts.artifacts()) {
      if (artifact.path() == path || absl::StartsWith(artifact.path(), path + "/"))
        selected.push_back(artifact);
    }
    if (selected.size() > before) continue;
    const std::string nearest = NearestName(path, names);
    return absl::NotFoundError(absl::StrCat("the job has no file or folder '", path, "'",
                                            nearest.empty() ? "; without a path this lists what it has"
                                                            : absl::StrCat("; did you mean ", nearest, "?")));
  }
  return selected;
}

int ShowList(const v1::Job& job, const v1::ListArtifactsResponse& artifacts, OutputFormat format,
             CommandContext& context) {
  if (format != OutputFormat::kTable) {
    MessageWriter writer(context.out, format == OutputFormat::kYaml ? MessageWriter::Form::kYamlList
                                                                    : MessageWriter::Form::kJsonArray);
    for (const v1::Artifact& artifact : artifacts.artifacts()) writer.Add(artifact);
    writer.Finish();
    return kExitOk;
  }
  Table table({{"SIZE", Table::Align::kRight}, {"AGE", Table::Align::kRight}, {"PATH"}});
  for (const v1::Artifact& artifact : artifacts.artifacts()) {
    table.AddRow({BytesText(artifact.bytes()), AgeText(artifact.modify_time(), context.clock->Now()),
                  artifact.path()});
  }
  if (!table.empty()) *context.out << table.Text();
  *context.err << (table.empty() ? "The job has written nothing yet.\n"
                                 : absl::StrCat("\nTo get some: pretext download ", job.name(),
                                                " PATH... (a file or a folder), or --all\n"));
  return kExitOk;
}

absl::Status Fetch(const v1::Job& job, const v1::Artifact& artifact, const std::string& target,
                   CoordinatorClient* client, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(PartialFile file, PartialFile::Open(target));
  LiveScreen screen(context.err, context.out_is_terminal);
  int64_t received = file.start().bytes;
  const auto take = [&](absl::string_view bytes) -> absl::Status {
    PRETEXT_RETURN_IF_ERROR(file.Append(bytes));
    received += static_cast<int64_t>(bytes.size());
    if (context.out_is_terminal) {
      screen.Show({},
                  absl::StrCat(OneLine(artifact.path()), "  ", BytesText(received), " of ",
                               BytesText(artifact.bytes())),
                  artifact.path(), context.clock->Now());
    }
    return absl::OkStatus();
  };
  absl::Status status = client->DownloadArtifact(job.name(), artifact.path(), file.start(), take).status();
  const bool stale = absl::IsDataLoss(status) || absl::IsOutOfRange(status);
  if (stale && file.start().bytes > 0) {
    // What lay here was another version's beginning.
    PRETEXT_RETURN_IF_ERROR(file.StartAnew());
    received = 0;
    status = client->DownloadArtifact(job.name(), artifact.path(), file.start(), take).status();
  }
  if (absl::IsDataLoss(status)) PRETEXT_RETURN_IF_ERROR(file.StartAnew());
  PRETEXT_RETURN_IF_ERROR(status);
  PRETEXT_RETURN_IF_ERROR(file.Finish());
  screen.Close();
  *context.out << target << "  " << BytesText(received) << std::endl;
  return absl::OkStatus();
}

absl::StatusOr<int> Run(const DownloadOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator, context.reach(context, kFollowPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  PRETEXT_ASSIGN_OR_RETURN(const v1::ListArtifactsResponse artifacts,
                           coordinator.client->ListArtifacts(job.name()));
  if (options.paths.empty() && !options.all) return ShowList(job, artifacts, options.format, context);
  PRETEXT_ASSIGN_OR_RETURN(const std::vector<v1::Artifact> selected, Select(artifacts, options));
  const std::string to = AbsolutePath(options.to, context);
  for (const v1::Artifact& artifact : selected) {
    if (!IsSafe(artifact.path())) {
      return absl::InternalError(
          absl::StrCat("the coordinator names a path outside the job's folder: ", OneLine(artifact.path())));
    }
    PRETEXT_RETURN_IF_ERROR(
        Fetch(job, artifact, absl::StrCat(to, "/", artifact.path()), coordinator.client, context));
  }
  return kExitOk;
}

}  // namespace

CommandRun AddDownload(CLI::App* app) {
  auto options = std::make_shared<DownloadOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  app->add_option("PATH", options->paths,
                  "A file or folder of its output, e.g. exported; without one, they are listed");
  app->add_option("--to", options->to, "Folder to write to; default: the current one")->type_name("DIR");
  app->add_flag("--all", options->all, "Everything");
  AddFormatOption(app, &options->format);
  app->footer(
      "A download that was cut goes on where it ended. Each file is checked by its SHA-256 before it gets "
      "its "
      "name.");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
