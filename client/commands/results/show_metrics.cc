#include "client/commands/show_metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/exit_codes.h"
#include "client/commands/find_job.h"
#include "client/commands/output_format.h"
#include "client/render/message_text.h"
#include "client/render/plain_text.h"
#include "client/render/quantity.h"
#include "client/render/table.h"
#include "proto/cpp/proto_time.h"
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

using OnPoint = std::function<void(const v1::MetricPoint& point)>;

absl::Status ReadPoints(const MetricsOptions& options, CommandContext& context, const OnPoint& on_point) {
  PRETEXT_ASSIGN_OR_RETURN(const Reached coordinator,
                           context.reach(context, options.follow ? kFollowPatience : kCallPatience));
  PRETEXT_ASSIGN_OR_RETURN(const v1::Job job, FindJob(options.job, coordinator.client));
  v1::StreamMetricsRequest request;
  request.set_name(job.name());
  for (const std::string& metric : options.metrics) request.add_metrics(metric);
  request.set_follow(options.follow);
  request.set_newest_attempt_only(!options.all_attempts);
  const auto take = [&](const v1::StreamMetricsResponse& response) {
    for (const v1::MetricPoint& point : response.points()) on_point(point);
    context.out->flush();
    return true;
  };
  return coordinator.client->StreamMetrics(request, take).status();
}

struct Summary {
  v1::MetricPoint newest;
  double least = 0, most = 0;
  int64_t points = 0;
};

// A row a metric.
absl::Status ShowSummaries(const MetricsOptions& options, CommandContext& context) {
  std::map<std::string, Summary> metrics;
  PRETEXT_RETURN_IF_ERROR(ReadPoints(options, context, [&](const v1::MetricPoint& point) {
    Summary& summary = metrics[point.metric()];
    summary.least = summary.points == 0 ? point.value() : std::min(summary.least, point.value());
    summary.most = summary.points == 0 ? point.value() : std::max(summary.most, point.value());
    if (summary.points++ == 0 || point.step() >= summary.newest.step()) summary.newest = point;
  }));
  if (metrics.empty()) {
    *context.err << "No metrics " << (options.metrics.empty() ? "yet.\n" : "of that name.\n");
    return absl::OkStatus();
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
  return absl::OkStatus();
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
  PRETEXT_RETURN_IF_ERROR(
      ReadPoints(options, context, [&](const v1::MetricPoint& point) { writer.Add(point); }));
  writer.Finish();
  return absl::OkStatus();
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
