#ifndef PRETEXT_WORKER_REPORT_TEE_REPORTER_H_
#define PRETEXT_WORKER_REPORT_TEE_REPORTER_H_

#include <string>
#include <utility>
#include <vector>

#include "worker/report/reporter.h"

namespace pretext {

// Tells several reporters the same, in their order. Any of them can ask to stop.
class TeeReporter final : public Reporter {
 public:
  // `reporters` are not owned and outlive it.
  explicit TeeReporter(std::vector<Reporter*> reporters) : reporters_(std::move(reporters)) {}

  void BeginStage(const std::string& stage, int64_t step) override;
  void SetProgress(const v1::Progress& progress) override;
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override;
  void Log(v1::LogLine::Severity severity, const std::string& text) override;
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override;
  void AddAlarm(const v1::Alarm& alarm) override;
  void FinishStage(const std::string& stage) override;
  bool stop_requested() const override;

 private:
  const std::vector<Reporter*> reporters_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_TEE_REPORTER_H_
