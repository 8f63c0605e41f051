#ifndef PRETEXT_WORKER_SESSION_STDERR_REPORTER_H_
#define PRETEXT_WORKER_SESSION_STDERR_REPORTER_H_

#include <string>
#include <utility>
#include <vector>

#include "proto/cpp/log.h"
#include "worker/report/alarm_line.h"
#include "worker/report/reporter.h"

namespace pretext {

// Writes a rank's log lines to standard error, and with that into the file that the agent keeps of it. Any
// thread.
class StderrReporter final : public Reporter {
 public:
  void BeginStage(const std::string&, int64_t) override {}
  void SetProgress(const v1::Progress&) override {}
  void AddMetrics(int64_t, const std::vector<std::pair<std::string, double>>&) override {}
  void Log(v1::LogLine::Severity severity, const std::string& text) override {
    pretext::Log(SeverityOf(severity), text);
  }
  void AddCheckpoint(const v1::Checkpoint&) override {}
  void AddAlarm(const v1::Alarm& alarm) override { Log(v1::LogLine::WARNING, AlarmLine(alarm)); }
  void FinishStage(const std::string&) override {}
  bool stop_requested() const override { return false; }

 private:
  static LogSeverity SeverityOf(v1::LogLine::Severity severity) {
    switch (severity) {
      case v1::LogLine::DEBUG:
        return LogSeverity::kDebug;
      case v1::LogLine::WARNING:
        return LogSeverity::kWarning;
      case v1::LogLine::ERROR:
        return LogSeverity::kError;
      default:
        return LogSeverity::kInfo;
    }
  }
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_STDERR_REPORTER_H_
