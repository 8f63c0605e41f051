#include "client/commands/results/show_logs.h"

#include <memory>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/output_format.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct LogsOptions {
  std::string job;
  bool follow = false;
  std::optional<int32_t> rank, attempt;
  int32_t last = 0;
  OutputFormat format = OutputFormat::kTable;
};

// "2026-03-01T12:00:00Z rank 0 WARNING text", with the attempt when there was more than one.
std::string LogText(const v1::LogLine& line) {
  std::string text = absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", FromTimestamp(line.time()), absl::UTCTimeZone());
  if (line.attempt() > 1) absl::StrAppend(&text, " attempt ", line.attempt());
  absl::StrAppend(&text, " rank ", line.rank());
  if (line.severity() != v1::LogLine::INFO && v1::LogLine::Severity_IsValid(line.severity()))
    absl::StrAppend(&text, " ", v1::LogLine::Severity_Name(line.severity()));
  return absl::StrCat(text, "  ", OneLine(line.text()));
}

absl::StatusOr<int> Run(const LogsOptions& options, CommandContext& context) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator,
                           context.reach(context, options.follow ? kFollowPatience : kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  v1::TailLogsRequest request;
  request.set_name(job.name());
  request.set_follow(options.follow);
  if (options.rank.has_value()) request.set_rank(*options.rank);
  if (options.attempt.has_value()) request.set_attempt(*options.attempt);
  request.set_last(options.last);
  MessageWriter::Form form =
      options.follow ? MessageWriter::Form::kJsonLines : MessageWriter::Form::kJsonArray;
  if (options.format == OutputFormat::kYaml) form = MessageWriter::Form::kYamlList;
  MessageWriter writer(context.out, form);
  const auto take = [&](const v1::TailLogsResponse& response) {
    for (const v1::LogLine& line : response.lines()) {
      if (options.format == OutputFormat::kTable) {
        *context.out << LogText(line) << "\n";
      } else {
        writer.Add(line);
      }
    }
    context.out->flush();
    return true;
  };
  PRETEXT_RETURN_IF_ERROR(coordinator.client->TailLogs(request, take).status());
  if (options.format != OutputFormat::kTable) writer.Finish();
  return kExitOk;
}

}  // namespace

CommandRun AddLogs(CLI::App* app) {
  auto options = std::make_shared<LogsOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  app->add_flag("-f,--follow", options->follow, "Go on with new lines until the job has settled");
  app->add_option("--rank", options->rank, "Only this rank's lines")->type_name("N");
  app->add_option("--attempt", options->attempt, "Only this attempt's lines")->type_name("N");
  app->add_option("--last", options->last, "Begin so many lines before the end")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  AddFormatOption(app, &options->format);
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
