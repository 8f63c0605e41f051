#include "client/commands/results/show_metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/following/job_end.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "client/render/table.h"
#include "client/session/exit_codes.h"
#include "client/session/find_job.h"
#include "client/session/output_format.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/nearest_name.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/quoted_text.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

struct MetricsOptions {
  std::string job;
  std::vector<std::string> metrics;
  bool follow = false;
  bool all_attempts = false;
  OutputFormat format = OutputFormat::kTable;
};

constexpr char kNoSuchMetric[] = "METRIC_NOT_FOUND";

using OnPoint = std::function<void(const v1::MetricPoint& point)>;

// The names of all metrics of the job.
std::vector<std::string> NamesOf(const v1::Job& job, CoordinatorClient* client) {
  std::set<std::string> names;
  // Those of the stage that runs, which may have no point yet.
  for (const auto& [name, value] : job.progress().metrics()) names.insert(name);
  for (const auto& [name, value] : ReadMetrics(job.name(), {}, client)) names.insert(name);
  return {names.begin(), names.end()};
}

// "; did you mean pretrain/loss or tune/loss?": those that end in what was typed, else the nearest.
std::string Meant(const std::string& pattern, const std::vector<std::string>& names) {
  std::vector<std::string> ends;
  for (const std::string& name : names) {
    if (absl::EndsWith(name, absl::StrCat("/", pattern))) ends.push_back(name);
  }
  if (!ends.empty()) return absl::StrCat("; did you mean ", absl::StrJoin(ends, " or "), "?");
  return names.empty() ? "; it has none yet" : DidYouMean(pattern, names);
}

bool Matches(absl::string_view pattern, const std::string& name) {
  return absl::ConsumeSuffix(&pattern, "*") ? absl::StartsWith(name, pattern) : name == pattern;
}

// NOT_FOUND when a name was asked for of which nothing is there.
absl::Status CheckNames(const MetricsOptions& options, const v1::Job& job, const std::set<std::string>& seen,
                        CoordinatorClient* client) {
  std::vector<std::string> missing;
  for (const std::string& pattern : options.metrics) {
    const bool is_there = std::any_of(seen.begin(), seen.end(),
                                      [&](const std::string& name) { return Matches(pattern, name); });
    if (!is_there) missing.push_back(pattern);
  }
  if (missing.empty()) return absl::OkStatus();
  const std::vector<std::string> names = NamesOf(job, client);
  std::string text;
  for (const std::string& pattern : missing) {
    absl::StrAppend(&text, text.empty() ? "" : "\n", job.name(), " has no metric ", Quoted(pattern),
                    Meant(pattern, names));
  }
  return WithReason(absl::NotFoundError(text), kNoSuchMetric);
}

absl::Status ReadPoints(const MetricsOptions& options, CommandContext& context, const OnPoint& on_point) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator,
                           context.reach(context, options.follow ? kFollowPatience : kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  v1::StreamMetricsRequest request;
  request.set_name(job.name());
  for (const std::string& metric : options.metrics) request.add_metrics(metric);
  request.set_follow(options.follow);
  request.set_newest_attempt_only(!options.all_attempts);
  std::set<std::string> seen;
  const auto take = [&](const v1::StreamMetricsResponse& response) {
    for (const v1::MetricPoint& point : response.points()) {
      if (!options.metrics.empty()) seen.insert(point.metric());
      on_point(point);
    }
    context.out->flush();
    return true;
  };
  PRETEXT_RETURN_IF_ERROR(coordinator.client->StreamMetrics(request, take).status());
  return CheckNames(options, job, seen, coordinator.client);
}

struct Summary {
  v1::MetricPoint newest;
  double least = 0, most = 0;
  int64_t points = 0;
};

// A row a metric.
absl::Status ShowSummaries(const MetricsOptions& options, CommandContext& context) {
  std::map<std::string, Summary> metrics;
  const absl::Status status = ReadPoints(options, context, [&](const v1::MetricPoint& point) {
    Summary& summary = metrics[point.metric()];
    summary.least = summary.points == 0 ? point.value() : std::min(summary.least, point.value());
    summary.most = summary.points == 0 ? point.value() : std::max(summary.most, point.value());
    if (summary.points++ == 0 || point.step() >= summary.newest.step()) summary.newest = point;
  });
  if (metrics.empty()) {
    if (status.ok()) *context.err << "No metrics yet.\n";
    return status;
  }
  Table table({{"METRIC"},
               {"NEWEST", Table::Align::kRight},
               {"AT STEP", Table::Align::kRight},
               {"LEAST", Table::Align::kRight},
               {"MOST", Table::Align::kRight},
               {"POINTS", Table::Align::kRight}});
  for (const auto& [name, summary] : metrics) {
    table.AddRow({name, NumberText(summary.newest.value()), GroupedText(summary.newest.step()),
                  NumberText(summary.least), NumberText(summary.most), GroupedText(summary.points)});
  }
  *context.out << table.Text(context.terminal_width());
  return status;
}

absl::Status ShowAsTheyCome(const MetricsOptions& options, CommandContext& context) {
  return ReadPoints(options, context, [&](const v1::MetricPoint& point) {
    *context.out << OneLine(point.metric()) << "  step " << point.step() << "  " << NumberText(point.value())
                 << "\n";
  });
}

absl::Status ShowCsv(const MetricsOptions& options, CommandContext& context) {
  *context.out << "metric,step,value,attempt,time\n";
  return ReadPoints(options, context, [&](const v1::MetricPoint& point) {
    *context.out << point.metric() << "," << point.step() << "," << absl::StrFormat("%.17g", point.value())
                 << "," << point.attempt() << ","
                 << absl::FormatTime(FromTimestamp(point.time()), absl::UTCTimeZone()) << "\n";
  });
}

absl::Status ShowDocuments(const MetricsOptions& options, CommandContext& context) {
  MessageWriter::Form form =
      options.follow ? MessageWriter::Form::kJsonLines : MessageWriter::Form::kJsonArray;
  if (options.format == OutputFormat::kYaml) form = MessageWriter::Form::kYamlList;
  MessageWriter writer(context.out, form);
  const absl::Status status =
      ReadPoints(options, context, [&](const v1::MetricPoint& point) { writer.Add(point); });
  // Without a metric of that name the document is whole and empty.
  if (status.ok() || GetReason(status) == kNoSuchMetric) writer.Finish();
  return status;
}

absl::StatusOr<int> Run(const MetricsOptions& options, CommandContext& context) {
  absl::Status status;
  switch (options.format) {
    case OutputFormat::kTable:
      status = options.follow ? ShowAsTheyCome(options, context) : ShowSummaries(options, context);
      break;
    case OutputFormat::kCsv:
      status = ShowCsv(options, context);
      break;
    default:
      status = ShowDocuments(options, context);
  }
  if (!status.ok()) return status;
  return kExitOk;
}

}  // namespace

CommandRun AddMetrics(CLI::App* app) {
  auto options = std::make_shared<MetricsOptions>();
  app->add_option("JOB", options->job, "jobs/7-xray, 7-xray, 7 or its name")->required();
  app->add_option("--metric", options->metrics,
                  "Only this one, or those that begin so: pretrain/*; repeatable")
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_flag("-f,--follow", options->follow, "Go on with new points until the job has settled");
  app->add_flag("--all-attempts", options->all_attempts, "Also points that a later attempt has replaced");
  AddFormatOption(app, &options->format, /*with_csv=*/true);
  app->footer("-o json prints all points as one array; with --follow, a point a line.");
  return [options](CommandContext& context) { return Run(*options, context); };
}

}  // namespace pretext
