#include "worker/report/report_queue.h"

#include <utility>

namespace pretext {
namespace {

// Of a message's tag and length within a report.
constexpr int64_t kOverhead = 6;

}  // namespace

v1::ReportRequest& ReportQueue::PartFor(int64_t bytes) {
  if (parts_.empty() || parts_.back().bytes + bytes > part_bytes_) parts_.emplace_back();
  parts_.back().bytes += bytes;
  bytes_ += bytes;
  return parts_.back().report;
}

void ReportQueue::Add(v1::MetricPoint point) {
  *PartFor(point.ByteSizeLong() + kOverhead).add_metrics() = std::move(point);
}

void ReportQueue::Add(v1::LogLine line) {
  *PartFor(line.ByteSizeLong() + kOverhead).add_logs() = std::move(line);
}

void ReportQueue::Add(const v1::Checkpoint& checkpoint) {
  *PartFor(checkpoint.ByteSizeLong() + kOverhead).add_checkpoints() = checkpoint;
}

void ReportQueue::Add(const v1::Alarm& alarm) {
  *PartFor(alarm.ByteSizeLong() + kOverhead).add_alarms() = alarm;
}

void ReportQueue::AddFinishedStage(const std::string& stage) {
  PartFor(stage.size() + kOverhead).add_finished_stages(stage);
}

v1::ReportRequest ReportQueue::TakeFirst() {
  v1::ReportRequest report = std::move(parts_.front().report);
  bytes_ -= parts_.front().bytes;
  parts_.pop_front();
  return report;
}

void ReportQueue::PutBack(v1::ReportRequest part) {
  const int64_t bytes = part.ByteSizeLong();
  parts_.push_front({std::move(part), bytes});
  bytes_ += bytes;
}

void ReportQueue::Clear() {
  parts_.clear();
  bytes_ = 0;
}

}  // namespace pretext
