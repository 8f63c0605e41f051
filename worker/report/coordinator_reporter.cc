#include "worker/report/coordinator_reporter.h"

#include <grpcpp/client_context.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/grpc_deadline.h"
#include "proto/cpp/grpc_status.h"
#include "proto/cpp/log.h"
#include "proto/cpp/proto_time.h"
#include "proto/cpp/utf8.h"
#include "worker/report/acknowledged_mark.h"

namespace pretext {
namespace {

constexpr size_t kLongestLine = 64 << 10;

std::string CutLine(const std::string& text) {
  std::string line = ToValidUtf8(text);
  if (line.size() <= kLongestLine) return line;
  const absl::string_view kept = CutUtf8(line, kLongestLine);
  return absl::StrCat(kept, "... (", line.size() - kept.size(), " more bytes)");
}

}  // namespace

CoordinatorReporter::CoordinatorReporter(CoordinatorReporterOptions options,
                                         std::unique_ptr<v1::WorkerService::StubInterface> stub, Clock* clock)
    : options_(std::move(options)),
      stub_(std::move(stub)),
      clock_(clock),
      queue_(options_.report_bytes),
      spool_(options_.output),
      thread_([this] { Run(); }) {}

CoordinatorReporter::~CoordinatorReporter() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    if (call_ != nullptr) call_->TryCancel();
  }
  thread_.join();
}

void CoordinatorReporter::SetProgress(const v1::Progress& progress) {
  absl::MutexLock lock(&mutex_);
  if (accepts()) progress_ = progress;
}

void CoordinatorReporter::AddMetrics(int64_t step,
                                     const std::vector<std::pair<std::string, double>>& values) {
  const google::protobuf::Timestamp now = ToTimestamp(clock_->Now());
  absl::MutexLock lock(&mutex_);
  if (!accepts()) return;
  for (const auto& [metric, value] : values) {
    v1::MetricPoint point;
    point.set_metric(metric);
    point.set_step(step);
    point.set_value(value);
    *point.mutable_time() = now;
    queue_.Add(std::move(point));
  }
}

void CoordinatorReporter::Log(v1::LogLine::Severity severity, const std::string& text) {
  v1::LogLine line;
  line.set_severity(severity);
  line.set_text(CutLine(text));
  *line.mutable_time() = ToTimestamp(clock_->Now());
  absl::MutexLock lock(&mutex_);
  if (accepts()) queue_.Add(std::move(line));
}

void CoordinatorReporter::AddCheckpoint(const v1::Checkpoint& checkpoint) {
  absl::MutexLock lock(&mutex_);
  if (!accepts()) return;
  queue_.Add(checkpoint);
  urgent_ = true;
}

void CoordinatorReporter::AddAlarm(const v1::Alarm& alarm) {
  const google::protobuf::Timestamp now = ToTimestamp(clock_->Now());
  absl::MutexLock lock(&mutex_);
  if (!accepts()) return;
  v1::Alarm told = alarm;
  told.set_text(CutLine(alarm.text()));
  *told.mutable_time() = now;
  queue_.Add(told);
  urgent_ = true;
}

void CoordinatorReporter::FinishStage(const std::string& stage) {
  absl::MutexLock lock(&mutex_);
  if (!accepts()) return;
  queue_.AddFinishedStage(stage);
  urgent_ = true;
}

absl::Status CoordinatorReporter::Finish(const v1::Outcome& outcome, absl::Duration patience) {
  absl::MutexLock lock(&mutex_);
  outcome_ = outcome;
  if (outcome.has_failure()) {
    outcome_->mutable_failure()->set_message(CutLine(outcome.failure().message()));
  }
  urgent_ = hurry_ = true;
  auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return finished_ || fenced(); };
  clock_->AwaitUntil(&mutex_, absl::Condition(&settled), clock_->Now() + patience);
  if (finished_) return absl::OkStatus();
  if (fenced()) return last_error_;
  return absl::UnavailableError(
      absl::StrCat("the coordinator has not acknowledged the outcome of rank ", options_.rank, " of ",
                   options_.job, " within ", absl::FormatDuration(patience), " (",
                   last_error_.ok() ? "earlier reports were still on their way" : last_error_.message(),
                   "); it learns from the agent how the rank ended"));
}

void CoordinatorReporter::Run() {
  while (AwaitDue()) {
    const v1::ReportRequest report = NextReport();
    if (!Deliver(report)) return;
    if (report.has_outcome()) {
      absl::MutexLock lock(&mutex_);
      finished_ = true;
      return;
    }
  }
}

bool CoordinatorReporter::HasNews() const { return closing_ || urgent_ || queue_.parts() > 1; }

bool CoordinatorReporter::AwaitDue() {
  absl::MutexLock lock(&mutex_);
  if (spool_.empty()) {
    clock_->AwaitUntil(&mutex_, absl::Condition(this, &CoordinatorReporter::HasNews), due_);
  }
  return !closing_;
}

v1::ReportRequest CoordinatorReporter::NextReport() {
  v1::ReportRequest report;
  const bool from_disk = !spool_.empty();
  if (from_disk) {
    absl::StatusOr<v1::ReportRequest> oldest = spool_.TakeFirst();
    if (oldest.ok()) {
      report = *std::move(oldest);
    } else {
      pretext::Log(LogSeverity::kError, "report lost",
                   {{"job", options_.job}, {"why", oldest.status().message()}});
    }
  }
  const absl::Time now = clock_->Now();
  due_ = now + options_.interval;
  absl::MutexLock lock(&mutex_);
  if (!from_disk && !queue_.empty()) report = queue_.TakeFirst();
  urgent_ = false;
  report.set_job(options_.job);
  report.set_attempt(options_.attempt);
  report.set_rank(options_.rank);
  report.set_sequence(++sequence_);
  *report.mutable_progress() = progress_;
  if (outcome_.has_value()) {
    urgent_ = true;  // what is left follows without a pause
    if (queue_.empty() && spool_.empty()) *report.mutable_outcome() = *outcome_;
  }
  return report;
}

bool CoordinatorReporter::Deliver(const v1::ReportRequest& report) {
  Backoff backoff(options_.retry, options_.seed + sequence_);
  const absl::Time begin = clock_->Now();
  bool said = false;
  while (true) {
    v1::ReportResponse response;
    const absl::Status status = Send(report, &response);
    if (status.ok()) {
      if (said) {
        pretext::Log(
            LogSeverity::kInfo, "coordinator answers again",
            {{"job", options_.job},
             {"rank", options_.rank},
             {"after", absl::FormatDuration(absl::Trunc(clock_->Now() - begin, absl::Milliseconds(1)))}});
      }
      Acknowledge(report, response);
      return true;
    }
    if (absl::IsAborted(status)) {
      Fence(status);
      return false;
    }
    // Cancelled: the reporter goes.
    if (!said && !absl::IsCancelled(status)) {
      said = true;
      pretext::Log(LogSeverity::kWarning,
                   "coordinator does not take a report; it is sent again until it does",
                   {{"job", options_.job}, {"rank", options_.rank}, {"why", status.ToString()}});
    }
    SpillExcess();
    bool hurried = false;
    if (!AwaitRetry(backoff.Next(), &hurried)) return false;
    if (hurried) backoff.Reset();
  }
}

absl::Status CoordinatorReporter::Send(const v1::ReportRequest& report, v1::ReportResponse* response) {
  grpc::ClientContext context;
  SetDeadline(&context, options_.call_timeout);
  {
    absl::MutexLock lock(&mutex_);
    if (closing_) return absl::CancelledError("the reporter goes");
    call_ = &context;
  }
  const absl::Status status = FromGrpcStatus(stub_->Report(&context, report, response));
  absl::MutexLock lock(&mutex_);
  call_ = nullptr;
  last_error_ = status;
  return status;
}

bool CoordinatorReporter::AwaitRetry(absl::Duration delay, bool* hurried) {
  absl::MutexLock lock(&mutex_);
  auto wake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ || hurry_; };
  clock_->AwaitUntil(&mutex_, absl::Condition(&wake), clock_->Now() + delay);
  *hurried = hurry_;
  hurry_ = false;
  return !closing_;
}

void CoordinatorReporter::Acknowledge(const v1::ReportRequest& report, const v1::ReportResponse& response) {
  if (response.stop()) RequestStop();
  if (report.metrics().empty()) return;
  const v1::MetricPoint& last = *report.metrics().rbegin();
  const std::string stage = last.metric().substr(0, last.metric().find('/'));
  const absl::Status marked = WriteAcknowledgedMark(options_.output, {stage, last.step()});
  if (!marked.ok() && !mark_failed_) {
    pretext::Log(LogSeverity::kWarning, "acknowledged metrics are not marked and may be sent twice",
                 {{"job", options_.job}, {"why", marked.message()}});
  }
  mark_failed_ = !marked.ok();
}

void CoordinatorReporter::Fence(const absl::Status& status) {
  pretext::Log(LogSeverity::kWarning, "attempt is over",
               {{"job", options_.job}, {"attempt", options_.attempt}, {"why", status.message()}});
  if (options_.on_fenced) options_.on_fenced();
  absl::MutexLock lock(&mutex_);
  fenced_.store(true, std::memory_order_release);
  RequestStop();
  queue_.Clear();
}

void CoordinatorReporter::SpillExcess() {
  while (true) {
    v1::ReportRequest oldest;
    {
      absl::MutexLock lock(&mutex_);
      // The part that is being filled stays.
      if (queue_.bytes() <= options_.memory_bytes || queue_.parts() < 2) return;
      oldest = queue_.TakeFirst();
    }
    const absl::Status spilled = spool_.Append(oldest);
    if (!spilled.ok()) {
      absl::MutexLock lock(&mutex_);
      queue_.PutBack(std::move(oldest));
    }
    if (!spilled.ok() && !spill_failed_) {
      pretext::Log(LogSeverity::kWarning, "reports wait in memory, as the disk does not take them",
                   {{"job", options_.job}, {"why", spilled.message()}});
    }
    spill_failed_ = !spilled.ok();
    if (spill_failed_) return;
  }
}

}  // namespace pretext
