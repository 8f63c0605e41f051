#ifndef PRETEXT_WORKER_REPORT_COORDINATOR_REPORTER_H_
#define PRETEXT_WORKER_REPORT_COORDINATOR_REPORTER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/retry_policy.h"
#include "worker/report/report_queue.h"
#include "worker/report/report_spool.h"
#include "worker/report/reporter.h"

namespace pretext {

struct CoordinatorReporterOptions {
  std::string job;  // jobs/{id}
  int32_t attempt = 1;
  int32_t rank = 0;
  // The job's folder, which exists: metrics that memory does not hold wait there, and on rank 0 the mark of
  // what is acknowledged.
  std::string output;

  // Between reports, which are also signs of life. Checkpoints, alarms, finished stages and the outcome go at
  // once.
  absl::Duration interval = absl::Milliseconds(500);
  // Of one try. A coordinator that takes longer is asked again.
  absl::Duration call_timeout = absl::Seconds(20);
  // Between tries; give_up_after is not looked at.
  RetryPolicy retry;
  uint64_t seed = 0;  // of the delays' jitter
  // Called once the attempt is over, on the reporter's thread, before fenced() and stop_requested() hold: may
  // end the process before anyone acts on them.
  std::function<void()> on_fenced;
  // Metrics, logs and the like of one report, at most; well below gRPC's 4 MiB.
  int64_t report_bytes = 1 << 20;
  // What waits in memory while the coordinator is away, about 700,000 points; older ones wait on disk.
  int64_t memory_bytes = 32 << 20;
};

// Tells the coordinator, over WorkerService.Report, from a thread of its own. The first report is the rank's
// hello. Reports are numbered from 1, and one is sent at a time: as long as the coordinator does not
// acknowledge it, it is sent again unchanged, without limit in time, whatever the error. Nothing is lost and
// nobody waits: what memory_bytes does not hold is moved to the disk by the thread, and if the disk is full
// it stays in memory.
//
// ABORTED is the exception: the attempt is over. Then fenced() and stop_requested() hold, nothing more is
// sent, and what is told is dropped.
//
// Log lines longer than 64 KiB are cut.
class CoordinatorReporter final : public Reporter {
 public:
  // `stub` is the reporter's own, over a channel of MakeGrpcChannel. `clock` outlives the reporter.
  CoordinatorReporter(CoordinatorReporterOptions options,
                      std::unique_ptr<v1::WorkerService::StubInterface> stub, Clock* clock);
  // What was not sent is dropped; a call that hangs is cancelled. Use Finish first.
  ~CoordinatorReporter() override;

  // Nothing is sent for it: progress and metrics name their stage.
  void BeginStage(const std::string& stage, int64_t step) override {}
  void SetProgress(const v1::Progress& progress) override;
  void AddMetrics(int64_t step, const std::vector<std::pair<std::string, double>>& values) override;
  void Log(v1::LogLine::Severity severity, const std::string& text) override;
  void AddCheckpoint(const v1::Checkpoint& checkpoint) override;
  void AddAlarm(const v1::Alarm& alarm) override;
  void FinishStage(const std::string& stage) override;
  bool stop_requested() const override { return stop_requested_.load(std::memory_order_acquire); }

  // From now on stop_requested() holds: for SIGTERM. Any thread, though no signal handler.
  void RequestStop() { stop_requested_.store(true, std::memory_order_release); }
  // The coordinator has said that this attempt is over: exit and write nothing more.
  bool fenced() const { return fenced_.load(std::memory_order_acquire); }

  // Sends everything that waits and the outcome as the last report. What is told afterwards is dropped. One
  // caller, once. Returns when the coordinator has acknowledged it, or
  //   ABORTED      the attempt is over: the coordinator does not want the outcome
  //   UNAVAILABLE  the coordinator has not answered within `patience`; says what it last answered. It learns
  //                how the rank ended from the agent.
  absl::Status Finish(const v1::Outcome& outcome, absl::Duration patience);

 private:
  // What the thread does, until the outcome is acknowledged, the rank is fenced or the reporter goes.
  void Run();
  // Waits for the next report's time. False: there is none any more.
  bool AwaitDue();
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  v1::ReportRequest NextReport();
  // Sends until it is acknowledged. False: it never will be.
  bool Deliver(const v1::ReportRequest& report);
  absl::Status Send(const v1::ReportRequest& report, v1::ReportResponse* response);
  // Waits between tries. False: the reporter goes.
  bool AwaitRetry(absl::Duration delay, bool* hurried);
  void Acknowledge(const v1::ReportRequest& report, const v1::ReportResponse& response);
  void Fence(const absl::Status& status);
  // Moves to disk what is too much for memory, oldest first.
  void SpillExcess();

  bool accepts() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !fenced() && !outcome_.has_value(); }

  const CoordinatorReporterOptions options_;
  const std::unique_ptr<v1::WorkerService::StubInterface> stub_;
  Clock* const clock_;
  std::atomic<bool> stop_requested_{false};
  std::atomic<bool> fenced_{false};

  absl::Mutex mutex_;
  ReportQueue queue_ ABSL_GUARDED_BY(mutex_);
  v1::Progress progress_ ABSL_GUARDED_BY(mutex_);
  bool urgent_ ABSL_GUARDED_BY(mutex_) = false;  // the next report is due now
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;   // the next try is due now
  absl::optional<v1::Outcome> outcome_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;    // the outcome is acknowledged
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);  // of the report that is being sent; ABORTED if fenced
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;     // the reporter goes
  grpc::ClientContext* call_ ABSL_GUARDED_BY(mutex_) = nullptr;  // under way

  // The thread's own.
  ReportSpool spool_;
  int64_t sequence_ = 0;
  absl::Time due_ = absl::InfinitePast();
  bool spill_failed_ = false;  // said once
  bool mark_failed_ = false;

  std::thread thread_;  // last: it uses the rest
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_COORDINATOR_REPORTER_H_
