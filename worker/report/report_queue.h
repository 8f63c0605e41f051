#ifndef PRETEXT_WORKER_REPORT_REPORT_QUEUE_H_
#define PRETEXT_WORKER_REPORT_REPORT_QUEUE_H_

#include <cstdint>
#include <deque>
#include <string>

#include "pretext/v1/worker_service.pb.h"

namespace pretext {

// What waits to be reported, in order, cut into parts that each fit one message. Parts hold metrics, logs,
// checkpoints, alarms and finished stages; who sends them adds the rest. Thread-compatible.
class ReportQueue {
 public:
  // `part_bytes`: a part is closed before it grows longer, serialised.
  explicit ReportQueue(int64_t part_bytes) : part_bytes_(part_bytes) {}

  void Add(v1::MetricPoint point);
  void Add(v1::LogLine line);
  void Add(const v1::Checkpoint& checkpoint);
  void Add(const v1::Alarm& alarm);
  void AddFinishedStage(const std::string& stage);

  bool empty() const { return parts_.empty(); }
  int64_t parts() const { return parts_.size(); }
  // Of everything that waits, serialised. In memory it takes three to four times as much.
  int64_t bytes() const { return bytes_; }

  // The oldest part. REQUIRES: !empty().
  v1::ReportRequest TakeFirst();
  // A part that could not be put elsewhere comes first again.
  void PutBack(v1::ReportRequest part);
  void Clear();

 private:
  // The part that takes `bytes` more.
  v1::ReportRequest& PartFor(int64_t bytes);

  struct Part {
    v1::ReportRequest report;
    int64_t bytes = 0;
  };
  const int64_t part_bytes_;
  std::deque<Part> parts_;
  int64_t bytes_ = 0;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_REPORT_QUEUE_H_
