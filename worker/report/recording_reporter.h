#ifndef PRETEXT_WORKER_REPORT_RECORDING_REPORTER_H_
#define PRETEXT_WORKER_REPORT_RECORDING_REPORTER_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "worker/report/reporter.h"

namespace pretext {

// Remembers all it is told, for tests, and asks to stop where a test wants it. What it returns are copies.
class RecordingReporter final : public Reporter {
 public:
  struct Begin {
    std::string stage;
    int64_t step = 0;
  };
  struct Point {
    std::string metric;
    int64_t step = 0;
    double value = 0;
  };
  struct Line {
    v1::LogLine::Severity severity;
    std::string text;
  };

  void BeginStage(const std::string& stage, int64_t step) override {
    absl::MutexLock lock(&mutex_);
    begins_.push_back({stage, step});
  }
  void SetProgress(const v1::Progress& progress) override {
    absl::MutexLock lock(&mutex_);
    progress_.push_back(progress);
    furthest_ = progress.step();
  }
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override {
    absl::MutexLock lock(&mutex_);
    for (const auto& [metric, value] : values) points_.push_back({metric, step, value});
    furthest_ = step;
  }
  void Log(v1::LogLine::Severity severity, const std::string& text) override {
    absl::MutexLock lock(&mutex_);
    lines_.push_back({severity, text});
  }
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override {
    absl::MutexLock lock(&mutex_);
    checkpoints_.push_back(checkpoint);
  }
  void AddAlarm(const v1::Alarm& alarm) override {
    absl::MutexLock lock(&mutex_);
    alarms_.push_back(alarm);
  }
  void FinishStage(const std::string& stage) override {
    absl::MutexLock lock(&mutex_);
    finished_stages_.push_back(stage);
    furthest_ = -1;
  }
  bool stop_requested() const override {
    absl::MutexLock lock(&mutex_);
    return stop_ || furthest_ >= stop_at_;
  }

  void RequestStop() {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  // Asks to stop once the current stage has told of this step or a later one, by progress or by metrics.
  void StopAtStep(int64_t step) {
    absl::MutexLock lock(&mutex_);
    stop_at_ = step;
  }

  std::vector<Begin> begins() const {
    absl::MutexLock lock(&mutex_);
    return begins_;
  }
  std::vector<v1::Progress> progress() const {
    absl::MutexLock lock(&mutex_);
    return progress_;
  }
  std::vector<Point> points() const {
    absl::MutexLock lock(&mutex_);
    return points_;
  }
  // The values of one metric by step; the newest of each.
  std::map<int64_t, double> Values(const std::string& metric) const {
    absl::MutexLock lock(&mutex_);
    std::map<int64_t, double> values;
    for (const Point& point : points_) {
      if (point.metric == metric) values[point.step] = point.value;
    }
    return values;
  }
  std::vector<Line> lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }
  std::vector<v1::Checkpoint> checkpoints() const {
    absl::MutexLock lock(&mutex_);
    return checkpoints_;
  }
  std::vector<v1::Alarm> alarms() const {
    absl::MutexLock lock(&mutex_);
    return alarms_;
  }
  std::vector<std::string> finished_stages() const {
    absl::MutexLock lock(&mutex_);
    return finished_stages_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<Begin> begins_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Progress> progress_ ABSL_GUARDED_BY(mutex_);
  std::vector<Point> points_ ABSL_GUARDED_BY(mutex_);
  std::vector<Line> lines_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Checkpoint> checkpoints_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::Alarm> alarms_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> finished_stages_ ABSL_GUARDED_BY(mutex_);
  int64_t furthest_ ABSL_GUARDED_BY(mutex_) = -1;  // step of the current stage
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t stop_at_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<int64_t>::max();
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_RECORDING_REPORTER_H_
