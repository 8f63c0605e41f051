#ifndef PRETEXT_WORKER_REPORT_FOLDER_REPORTER_H_
#define PRETEXT_WORKER_REPORT_FOLDER_REPORTER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"
#include "worker/report/append_file.h"
#include "worker/report/earlier_rows.h"
#include "worker/report/event_file.h"
#include "worker/report/metrics_file.h"
#include "worker/report/missing_records.h"
#include "worker/report/reporter.h"
#include "worker/report/resume_proof.h"
#include "worker/report/stage_plotter.h"

namespace pretext {

struct FolderReporterOptions {
  std::string output;  // the job's folder, which exists
  int32_t attempt = 1;
  int32_t rank = 0;
  // Plots are drawn when a stage ends, and of the current stage this often.
  absl::Duration plot_interval = absl::Minutes(2);
  // The reporter to the coordinator, not owned, or null. It is told what this one has to say itself (how a
  // resume went, a full disk), and the points of earlier attempts that the coordinator has not acknowledged.
  Reporter* upstream = nullptr;
};

// Rank 0's files in a job's output folder, for people and their tools:
//
//   metrics.jsonl         every step once (metrics_file.h)
//   events.out.tfevents.* the same for TensorBoard
//   log.txt               2026-03-01T12:00:00.123Z INFO rank 0: text
//   plots/*.png           the stages' curves (stage_plots.h)
//
// A line is with the kernel when a method returns, so that a killed process leaves a full account. When a
// stage goes on after a checkpoint, what an earlier attempt wrote past it is dropped, the events are written
// anew from metrics.jsonl (older event files stay, empty), and the first loss that is computed again is
// compared with what it was: "resumed after step 120: loss 5.1234 at step 121, the same as before". A job
// that starts afresh in a folder with another job's metrics moves those to earlier-1/, earlier-2/, ...
//
// A disk that is full stops no training: that is said once, and how many records are missing once there is
// room again or at the end.
class FolderReporter final : public Reporter {
 public:
  // `clock` outlives it. The folder cannot be written: the system's error.
  static absl::StatusOr<std::unique_ptr<FolderReporter>> Open(FolderReporterOptions options, Clock* clock);
  // As Flush. Says what is missing.
  ~FolderReporter() override;

  void BeginStage(const std::string& stage, int64_t step) override;
  void SetProgress(const v1::Progress& progress) override;
  // A metric that the step has already is left out.
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override;
  void Log(v1::LogLine::Severity severity, const std::string& text) override;
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override;  // a line in log.txt
  void AddAlarm(const v1::Alarm& alarm) override;                 // a warning in log.txt
  void FinishStage(const std::string& stage) override;
  bool stop_requested() const override { return false; }

  // Returns when all plots are drawn and everything is on the disk: before the outcome is told.
  void Flush();

 private:
  FolderReporter(FolderReporterOptions options, Clock* clock, std::unique_ptr<AppendFile> log);

  // Takes over the files as earlier attempts left them, up to where `stage` goes on.
  void Adopt(const std::string& stage, int64_t step) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  AcknowledgedPoint ReadMark() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MoveEarlierAside() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Null when it cannot be opened, which is noted.
  MetricsFile* metrics() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenEvents(bool forget_earlier) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddToSeries(const MetricsRow& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddToEvents(const MetricsRow& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the current stage has this metric of this step already; now it has.
  bool IsRepeated(int64_t step, const std::string& metric) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Draw(const std::string& stage) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // To log.txt and upstream.
  void Say(const Remark& remark) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is to be said when that failed.
  absl::optional<Remark> WriteLine(const Remark& line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Note(const std::string& file, const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const FolderReporterOptions options_;
  Clock* const clock_;

  absl::Mutex mutex_;
  const std::unique_ptr<AppendFile> log_ ABSL_PT_GUARDED_BY(mutex_);
  std::unique_ptr<MetricsFile> metrics_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<EventFile> events_ ABSL_GUARDED_BY(mutex_);
  MissingRecords missing_ ABSL_GUARDED_BY(mutex_);
  bool adopted_ ABSL_GUARDED_BY(mutex_) = false;
  bool continues_ ABSL_GUARDED_BY(mutex_);                   // the folder's metrics are this job's
  std::set<std::string> inherited_ ABSL_GUARDED_BY(mutex_);  // stages with rows of earlier attempts

  std::string stage_ ABSL_GUARDED_BY(mutex_);
  v1::Progress progress_ ABSL_GUARDED_BY(mutex_);
  int64_t told_step_ ABSL_GUARDED_BY(mutex_) = -1;      // the newest of the stage
  std::set<std::string> told_ ABSL_GUARDED_BY(mutex_);  // metrics of that step
  ResumeProof proof_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, StagePlotter::SeriesByName> series_ ABSL_GUARDED_BY(mutex_);  // by stage
  absl::Time drawn_ ABSL_GUARDED_BY(mutex_);

  StagePlotter plotter_;  // last: its thread calls Note
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_FOLDER_REPORTER_H_
