#include "worker/report/folder_reporter.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "proto/cpp/status_macros.h"
#include "worker/report/acknowledged_mark.h"
#include "worker/report/alarm_line.h"

namespace pretext {
namespace {

constexpr char kMetrics[] = "metrics.jsonl";
constexpr char kEvents[] = "events.out.tfevents";
constexpr char kLog[] = "log.txt";
constexpr char kPlots[] = "plots";

}  // namespace

absl::StatusOr<std::unique_ptr<FolderReporter>> FolderReporter::Open(FolderReporterOptions options,
                                                                     Clock* clock) {
  PRETEXT_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> log,
                           AppendFile::Open(absl::StrCat(options.output, "/", kLog)));
  return std::unique_ptr<FolderReporter>(new FolderReporter(std::move(options), clock, std::move(log)));
}

FolderReporter::FolderReporter(FolderReporterOptions options, Clock* clock, std::unique_ptr<AppendFile> log)
    : options_(std::move(options)),
      clock_(clock),
      log_(std::move(log)),
      continues_(options_.attempt > 1),
      drawn_(clock->Now()),
      plotter_(absl::StrCat(options_.output, "/", kPlots), [this](const absl::Status& status) {
        absl::MutexLock lock(&mutex_);
        Note(kPlots, status);
      }) {}

FolderReporter::~FolderReporter() {
  Flush();
  absl::MutexLock lock(&mutex_);
  for (const Remark& remark : missing_.Rest()) Say(remark);
}

void FolderReporter::BeginStage(const std::string& stage, int64_t step) {
  absl::MutexLock lock(&mutex_);
  stage_ = stage;
  progress_.Clear();
  told_step_ = -1;
  told_.clear();
  proof_ = ResumeProof();
  continues_ = continues_ || step > 0;
  if (!adopted_ || inherited_.count(stage) != 0) Adopt(stage, step);
  adopted_ = true;
}

void FolderReporter::SetProgress(const v1::Progress& progress) {
  absl::MutexLock lock(&mutex_);
  progress_ = progress;
}

void FolderReporter::AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  absl::MutexLock lock(&mutex_);
  MetricsRow row;
  row.stage = stage_;
  row.step = step;
  row.attempt = options_.attempt;
  row.time = clock_->Now();
  if (progress_.stage() == stage_ && progress_.epochs() > 0) row.epoch = progress_.epoch();
  if (progress_.stage() == stage_ && progress_.steps() > 0) row.steps = progress_.steps();
  for (const auto& [metric, value] : values) {
    if (IsRepeated(step, metric)) continue;
    row.values.emplace_back(metric, value);
    if (metric != stage_ + "/loss") continue;
    if (const absl::optional<Remark> remark = proof_.Compare(step, value)) Say(*remark);
  }
  if (row.values.empty()) return;
  if (MetricsFile* file = metrics()) Note(kMetrics, file->Append(row));
  AddToEvents(row);
  AddToSeries(row);
  if (row.time - drawn_ >= options_.plot_interval) Draw(stage_);
}

void FolderReporter::Log(v1::LogLine::Severity severity, const std::string& text) {
  absl::MutexLock lock(&mutex_);
  const absl::optional<Remark> failed = WriteLine({severity, text});
  if (failed.has_value() && options_.upstream != nullptr) {
    options_.upstream->Log(failed->severity, failed->text);
  }
}

void FolderReporter::AddCheckpoint(const v1::Checkpoint& checkpoint) {
  Log(v1::LogLine::INFO, absl::StrCat("checkpoint of ", checkpoint.stage(), " at step ", checkpoint.step(),
                                      ": ", checkpoint.path(), ", ", checkpoint.bytes(), " bytes"));
}

void FolderReporter::AddAlarm(const v1::Alarm& alarm) { Log(v1::LogLine::WARNING, AlarmLine(alarm)); }

void FolderReporter::FinishStage(const std::string& stage) {
  absl::MutexLock lock(&mutex_);
  continues_ = continues_ || !adopted_;  // finished before it began: by an earlier attempt
  if (stage == stage_) Draw(stage);
}

void FolderReporter::Flush() {
  plotter_.Flush();
  absl::MutexLock lock(&mutex_);
  if (metrics_ != nullptr) Note(kMetrics, metrics_->Sync());
  if (events_ != nullptr) Note(kEvents, events_->Sync());
  Note(kLog, log_->Sync());
}

void FolderReporter::Adopt(const std::string& stage, int64_t step) {
  const bool first = !adopted_;
  if (first && !continues_) MoveEarlierAside();
  MetricsFile* file = metrics();
  if (file == nullptr) return;
  series_.clear();
  events_ = nullptr;
  const std::vector<std::string> old_events = ListEventFiles(options_.output);
  absl::Status rewritten = absl::NotFoundError("no rows");  // the events
  EarlierRows earlier(stage, step, first ? ReadMark() : AcknowledgedPoint());
  auto keep = [&](const MetricsRow& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Readers are to take the new events for all that old files told, even where nothing of it is left.
    if (absl::IsNotFound(rewritten)) rewritten = OpenEvents(/*forget_earlier=*/!old_events.empty());
    if (!earlier.Keep(row)) return false;
    AddToSeries(row);
    if (rewritten.ok()) rewritten = events_->AddScalars(row.time, row.step, row.values);
    return true;
  };
  const absl::StatusOr<int64_t> dropped = file->Filter(keep);
  std::error_code ignored;  // the new events make up for it
  Note(kMetrics, dropped.status());
  if (dropped.ok() && rewritten.ok()) {
    // Not removed: a TensorBoard that watches one of them would wait for it to come back.
    for (const std::string& old : old_events) std::filesystem::resize_file(old, 0, ignored);
  } else if (events_ != nullptr) {
    // Half an account must not take the place of a whole one.
    std::filesystem::remove(events_->path(), ignored);
    events_ = nullptr;
  }
  if (!absl::IsNotFound(rewritten)) Note(kEvents, rewritten);
  proof_ = earlier.proof();
  inherited_ = earlier.stages();
  if (!earlier.told().empty()) told_step_ = step;
  told_ = earlier.told();
  if (!first || options_.upstream == nullptr) return;
  for (const MetricsRow& row : earlier.unsent()) options_.upstream->AddMetrics(row.step, row.values);
}

AcknowledgedPoint FolderReporter::ReadMark() {
  // In the first attempt the coordinator has nothing of this job, whoever wrote what is here.
  if (options_.attempt == 1) return AcknowledgedPoint();
  absl::StatusOr<AcknowledgedPoint> mark = ReadAcknowledgedMark(options_.output);
  if (mark.ok()) return *std::move(mark);
  Say({v1::LogLine::WARNING, absl::StrCat("all metrics are sent again: ", mark.status().message())});
  return AcknowledgedPoint();
}

void FolderReporter::MoveEarlierAside() {
  namespace fs = std::filesystem;
  const fs::path output = options_.output;
  std::vector<fs::path> earlier;
  for (const char* name : {kMetrics, kAcknowledgedMarkName}) {
    if (fs::exists(output / name)) earlier.push_back(output / name);
  }
  for (const std::string& path : ListEventFiles(options_.output)) earlier.push_back(path);
  if (earlier.empty()) return;
  if (fs::exists(output / kPlots)) earlier.push_back(output / kPlots);
  int number = 1;
  while (fs::exists(output / absl::StrCat("earlier-", number))) ++number;
  const fs::path aside = output / absl::StrCat("earlier-", number);
  std::error_code error;
  fs::create_directory(aside, error);
  for (const fs::path& path : earlier) {
    if (!error) fs::rename(path, aside / path.filename(), error);
  }
  Say(error
          ? Remark{v1::LogLine::WARNING, absl::StrCat("metrics of an earlier job cannot be moved to ",
                                                      aside.string(), ": ", error.message())}
          : Remark{v1::LogLine::INFO, absl::StrCat("metrics of an earlier job are now in ", aside.string())});
}

MetricsFile* FolderReporter::metrics() {
  if (metrics_ == nullptr) {
    absl::StatusOr<std::unique_ptr<MetricsFile>> file =
        MetricsFile::Open(absl::StrCat(options_.output, "/", kMetrics));
    if (!file.ok()) {
      Note(kMetrics, file.status());
      return nullptr;
    }
    metrics_ = *std::move(file);
  }
  return metrics_.get();
}

absl::Status FolderReporter::OpenEvents(bool forget_earlier) {
  PRETEXT_ASSIGN_OR_RETURN(events_, EventFile::Create(options_.output, clock_->Now(), forget_earlier));
  return absl::OkStatus();
}

void FolderReporter::AddToEvents(const MetricsRow& row) {
  absl::Status status;
  if (events_ == nullptr) status = OpenEvents(/*forget_earlier=*/false);
  if (status.ok()) status = events_->AddScalars(row.time, row.step, row.values);
  Note(kEvents, status);
}

void FolderReporter::AddToSeries(const MetricsRow& row) {
  StagePlotter::SeriesByName& series = series_[row.stage];
  for (const auto& [metric, value] : row.values) {
    series[std::string(absl::StripPrefix(metric, row.stage + "/"))].Add(row.step, value);
  }
}

bool FolderReporter::IsRepeated(int64_t step, const std::string& metric) {
  if (step < told_step_) return false;
  if (step > told_step_) told_.clear();
  told_step_ = step;
  return !told_.insert(metric).second;
}

void FolderReporter::Draw(const std::string& stage) {
  drawn_ = clock_->Now();
  const auto series = series_.find(stage);
  if (series != series_.end()) plotter_.Draw(stage, series->second);
}

void FolderReporter::Say(const Remark& remark) {
  const absl::optional<Remark> failed = WriteLine(remark);
  if (options_.upstream == nullptr) return;
  options_.upstream->Log(remark.severity, remark.text);
  if (failed.has_value()) options_.upstream->Log(failed->severity, failed->text);
}

absl::optional<Remark> FolderReporter::WriteLine(const Remark& line) {
  const std::string text = absl::StrCat(
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ ", clock_->Now(), absl::UTCTimeZone()),
      v1::LogLine::Severity_Name(line.severity), " rank ", options_.rank, ": ",
      // Of a text of several lines the others are indented, so that a line that begins with a time is one.
      absl::StrReplaceAll(line.text, {{"\n", "\n    "}}), "\n");
  return missing_.Note(kLog, log_->Append(text));
}

void FolderReporter::Note(const std::string& file, const absl::Status& status) {
  const absl::optional<Remark> remark = missing_.Note(file, status);
  if (remark.has_value()) Say(*remark);
}

}  // namespace pretext
