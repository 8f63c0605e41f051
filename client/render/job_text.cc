#include "client/render/job_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/render/alarm_text.h"
#include "client/render/job_feed.h"
#include "client/render/plain_text.h"
#include "client/render/progress_line.h"
#include "client/render/quantity.h"
#include "client/render/stage_results.h"
#include "client/render/table.h"
#include "proto/cpp/proto_time.h"

namespace pretext {
namespace {

using Align = Table::Align;

std::string KindText(const v1::Stage& stage) {
  std::vector<std::string> parts;
  switch (stage.kind_case()) {
    case v1::Stage::kPretrain:
      for (const v1::TaskSpec& task : stage.pretrain().tasks()) {
        if (task.task_case() == v1::TaskSpec::TASK_NOT_SET) continue;
        parts.push_back(v1::TaskSpec::descriptor()->FindFieldByNumber(task.task_case())->name());
      }
      return absl::StrCat("pretrain on ", absl::StrJoin(parts, ", "));
    case v1::Stage::kFinetune:
      return "finetune";
    case v1::Stage::kEvaluate:
      if (stage.evaluate().has_knn()) parts.push_back("knn");
      if (stage.evaluate().has_linear()) parts.push_back("linear");
      return absl::StrCat("evaluate by ", absl::StrJoin(parts, ", "));
    case v1::Stage::KIND_NOT_SET:
      return "unknown";
  }
  return "unknown";
}

std::string StageState(const v1::Job& job, int index) {
  if (job.state() == v1::Job::SUCCEEDED) return "done";
  const int current = StageIndex(job);
  if (index < current) return "done";
  if (index > current) return "to come";
  return job.state() == v1::Job::RUNNING ? "running" : "begun";
}

void AppendSection(absl::string_view heading, absl::string_view body, std::string* text) {
  absl::StrAppend(text, "\n", heading, "\n");
  while (!body.empty()) {
    const size_t end = body.find('\n');
    absl::StrAppend(text, "  ", body.substr(0, end), "\n");
    body = end == absl::string_view::npos ? "" : body.substr(end + 1);
  }
}

std::string TimesText(const v1::Job& job, absl::Time now) {
  std::string text = absl::StrCat("created ", AgeText(job.create_time(), now), " ago");
  if (job.has_start_time()) absl::StrAppend(&text, ", started ", AgeText(job.start_time(), now), " ago");
  if (job.has_end_time()) {
    absl::StrAppend(&text, ", ended ", AgeText(job.end_time(), now), " ago");
    if (job.has_start_time()) {
      absl::StrAppend(&text, " after ",
                      DurationText(FromTimestamp(job.end_time()) - FromTimestamp(job.start_time())));
    }
  }
  return text;
}

std::string StagesText(const v1::Job& job) {
  Table stages({{"#", Align::kRight}, {"STAGE"}, {"WHAT"}, {"STATE"}});
  for (int i = 0; i < job.spec().stages_size(); ++i) {
    const v1::Stage& stage = job.spec().stages(i);
    stages.AddRow({absl::StrCat(i + 1), stage.name(), KindText(stage), StageState(job, i)});
  }
  return stages.Text();
}

std::string ResultsText(const v1::Job& job, const std::vector<FinishedStage>& finished) {
  Table results({{"STAGE"}, {"RESULT"}});
  for (const FinishedStage& stage : finished)
    results.AddRow({job.spec().stages(stage.index).name(), stage.result});
  return results.Text();
}

std::string PlacementsText(const v1::Job& job) {
  Table ranks({{"RANK", Align::kRight}, {"NODE"}, {"DEVICE"}});
  const char* kind = job.spec().resources().device() == v1::Resources::GPU ? "gpu " : "cpu slot ";
  for (const v1::RankPlacement& placement : job.placements()) {
    ranks.AddRow({absl::StrCat(placement.rank()), placement.node(), absl::StrCat(kind, placement.device())});
  }
  return ranks.Text();
}

std::string FailureSection(const v1::Failure& failure) {
  std::string text = absl::StrCat(FailureText(failure), "\n");
  if (failure.rank() >= 0 && !failure.node().empty()) {
    absl::StrAppend(&text, "first to fail: rank ", failure.rank(), " on ", OneLine(failure.node()));
    if (failure.signal() != 0) absl::StrAppend(&text, ", signal ", failure.signal());
    if (failure.signal() == 0 && failure.exit_code() != 0)
      absl::StrAppend(&text, ", exit code ", failure.exit_code());
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string AlarmsText(const v1::Job& job) {
  std::string text;
  for (const v1::Alarm& alarm : job.alarms()) {
    absl::StrAppend(&text, AlarmText(alarm), "\n");
    if (!alarm.advice().empty()) absl::StrAppend(&text, "  ", AdviceText(alarm), "\n");
  }
  return text;
}

std::string MetricsText(const v1::Job& job) {
  Table metrics({{"METRIC"}, {"NEWEST", Align::kRight}});
  const MetricValues values(job.progress().metrics().begin(), job.progress().metrics().end());
  for (const auto& [name, value] : values) metrics.AddRow({name, NumberText(value)});
  return metrics.Text();
}

}  // namespace

std::string ShortProgress(const v1::Job& job) {
  if (job.state() == v1::Job::SUCCEEDED) return "all done";
  const v1::Progress& progress = job.progress();
  if (progress.stage().empty()) return "-";
  if (progress.steps() <= 0) return progress.stage();
  return absl::StrCat(
      progress.stage(), " ",
      PercentText(static_cast<double>(progress.step()) / static_cast<double>(progress.steps()), 0));
}

std::string JobsTable(const std::vector<v1::Job>& jobs, absl::Time now, int width) {
  Table table(
      {{"JOB"}, {"STATE"}, {"PROGRESS"}, {"AGE", Align::kRight}, {"PRIORITY", Align::kRight}, {"REASON"}});
  for (const v1::Job& job : jobs) {
    table.AddRow({job.name(), StateText(job.state()), ShortProgress(job), AgeText(job.create_time(), now),
                  absl::StrCat(job.spec().priority()), job.reason()});
  }
  return table.Text(width);
}

std::string JobSections(const v1::Job& job, const std::vector<FinishedStage>& finished, absl::Time now) {
  std::string text = absl::StrCat(job.name(), "  ", StateText(job.state()), "\n");
  if (!job.reason().empty()) absl::StrAppend(&text, "  ", OneLine(job.reason()), "\n");
  absl::StrAppend(&text, "  ", TimesText(job, now), "\n");
  if (job.attempt() > 0) {
    absl::StrAppend(&text, "  attempt ", job.attempt(), ", ", job.restarts(), " of ",
                    job.spec().max_restarts(), " restarts used\n");
  }
  absl::StrAppend(&text, "  results in ", OneLine(job.output()), "\n");
  AppendSection("Stages", StagesText(job), &text);
  if (!job.alarms().empty()) AppendSection("Warnings", AlarmsText(job), &text);
  if (!finished.empty()) AppendSection("Results", ResultsText(job, finished), &text);
  if (job.state() == v1::Job::RUNNING && !job.progress().stage().empty()) {
    AppendSection("Progress", ProgressLine(job, LineStyle()), &text);
  }
  if (!job.progress().metrics().empty()) AppendSection("Newest metrics", MetricsText(job), &text);
  if (!job.placements().empty()) AppendSection("Ranks", PlacementsText(job), &text);
  if (job.has_failure() && job.failure().attempt() > 0) {
    AppendSection(absl::StrCat("Failure of attempt ", job.failure().attempt()), FailureSection(job.failure()),
                  &text);
  }
  return text;
}

std::string CheckpointsTable(const std::vector<v1::Checkpoint>& checkpoints, absl::Time now, int width) {
  Table table({{"STAGE"},
               {"STEP", Align::kRight},
               {"EPOCH", Align::kRight},
               {"ATTEMPT", Align::kRight},
               {"SIZE", Align::kRight},
               {"AGE", Align::kRight},
               {"FOLDER"}});
  for (const v1::Checkpoint& checkpoint : checkpoints) {
    table.AddRow({checkpoint.stage(), GroupedText(checkpoint.step()), absl::StrCat(checkpoint.epoch()),
                  absl::StrCat(checkpoint.attempt()), BytesText(checkpoint.bytes()),
                  AgeText(checkpoint.create_time(), now), checkpoint.path()});
  }
  return table.Text(width);
}

std::string NodesTable(const std::vector<v1::Node>& nodes, absl::Time now, int width) {
  Table table({{"NODE"},
               {"STATE"},
               {"CPU SLOTS", Align::kRight},
               {"GPUS", Align::kRight},
               {"CORES", Align::kRight},
               {"MEMORY", Align::kRight},
               {"SEEN", Align::kRight},
               {"HOST"},
               {"JOBS"}});
  for (const v1::Node& node : nodes) {
    const std::string& state = v1::Node::State_Name(node.state());
    const v1::NodeCapacity& capacity = node.capacity();
    table.AddRow({node.name(), state.empty() ? absl::StrCat("STATE ", static_cast<int>(node.state())) : state,
                  absl::StrCat(node.cpu_slots_used(), "/", capacity.cpu_slots()),
                  absl::StrCat(node.gpus_used(), "/", capacity.gpus()), absl::StrCat(capacity.cores()),
                  BytesText(capacity.memory_bytes()),
                  absl::StrCat(AgeText(node.last_seen_time(), now), " ago"), capacity.host(),
                  absl::StrJoin(node.jobs(), " ")});
  }
  return table.Text(width);
}

}  // namespace pretext
