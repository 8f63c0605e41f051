#include "worker/report/tee_reporter.h"

#include <algorithm>

namespace pretext {

void TeeReporter::BeginStage(const std::string& stage, int64_t step) {
  for (Reporter* reporter : reporters_) reporter->BeginStage(stage, step);
}

void TeeReporter::SetProgress(const v1::Progress& progress) {
  for (Reporter* reporter : reporters_) reporter->SetProgress(progress);
}

void TeeReporter::AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  for (Reporter* reporter : reporters_) reporter->AddMetrics(step, values);
}

void TeeReporter::Log(v1::LogLine::Severity severity, const std::string& text) {
  for (Reporter* reporter : reporters_) reporter->Log(severity, text);
}

void TeeReporter::AddCheckpoint(const v1::Checkpoint& checkpoint) {
  for (Reporter* reporter : reporters_) reporter->AddCheckpoint(checkpoint);
}

void TeeReporter::AddAlarm(const v1::Alarm& alarm) {
  for (Reporter* reporter : reporters_) reporter->AddAlarm(alarm);
}

void TeeReporter::FinishStage(const std::string& stage) {
  for (Reporter* reporter : reporters_) reporter->FinishStage(stage);
}

bool TeeReporter::stop_requested() const {
  return std::any_of(reporters_.begin(), reporters_.end(),
                     [](const Reporter* reporter) { return reporter->stop_requested(); });
}

}  // namespace pretext
