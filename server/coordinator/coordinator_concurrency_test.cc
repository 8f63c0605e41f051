// The coordinator called from many threads at once; made for ThreadSanitizer.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/status_matchers.h"
#include "server/coordinator/coordinator.h"
#include "server/coordinator/fake_cluster.h"
#include "server/scheduler/gang_scheduler.h"
#include "server/store/memory_job_store.h"
#include "server/store/memory_telemetry_store.h"

namespace pretext {
namespace {

constexpr int kSubmitters = 3;
constexpr int kJobsEach = 15;

// An agent whose ranks all say hello and finish.
void RunAgent(Coordinator& coordinator, const std::string& node, const std::atomic<bool>& stop) {
  FakeAgent agent(node, 2);
  int64_t sequence = 0;
  while (!stop) {
    EXPECT_OK(agent.Sync(coordinator));
    for (const v1::RankAssignment& rank : agent.answer().ranks()) {
      v1::ReportRequest report;
      report.set_job(rank.job());
      report.set_attempt(rank.attempt());
      report.set_rank(rank.rank());
      report.set_sequence(++sequence);
      report.add_metrics()->set_metric("pretrain/loss");
      report.mutable_outcome()->set_kind(rank.stop() ? v1::Outcome::STOPPED : v1::Outcome::FINISHED);
      if (coordinator.Report(report).ok()) agent.Exit(rank.job(), rank.rank(), rank.stop() ? 75 : 0);
    }
  }
}

TEST(CoordinatorConcurrencyTest, BringsEveryJobToItsEndWhileAllCallAtOnce) {
  CoordinatorOptions options;
  options.state_directory = ::testing::TempDir();
  MemoryJobStore journal;
  MemoryTelemetryStore telemetry;
  GangScheduler scheduler;
  Coordinator coordinator(options, &journal, &telemetry, &scheduler, nullptr, RealClock());
  ASSERT_OK(coordinator.Recover());
  std::atomic<bool> stop{false};
  std::thread rounds([&] { EXPECT_OK(coordinator.Run()); });
  std::vector<std::thread> agents;
  for (const char* node : {"nodes/a", "nodes/b"})
    agents.emplace_back([&, node] { RunAgent(coordinator, node, stop); });
  std::thread watcher([&] {
    for (int64_t seen = 0; !stop;) {
      seen = coordinator.WaitForChange(seen, RealClock()->Now() + absl::Milliseconds(50));
      coordinator.ListNodes();
      for (const v1::Job& job : coordinator.ListJobs()) coordinator.TelemetryVersion(job.name());
    }
  });
  std::vector<std::thread> submitters;
  for (int i = 0; i < kSubmitters; ++i) {
    submitters.emplace_back([&] {
      for (int k = 0; k < kJobsEach; ++k) {
        v1::CreateJobRequest request;
        *request.mutable_spec() = SmallSpec(1 << k % 3);
        const absl::StatusOr<v1::Job> job = coordinator.CreateJob(request);
        ASSERT_OK(job);
        // Some are cancelled in whatever state they have reached.
        if (k % 4 == 3) coordinator.CancelJob(job->name(), "").status().IgnoreError();
      }
    });
  }
  for (std::thread& submitter : submitters) submitter.join();
  for (int64_t seen = 0; coordinator.HasActiveJobs();) {
    seen = coordinator.WaitForChange(seen, RealClock()->Now() + absl::Seconds(1));
  }
  stop = true;
  coordinator.Stop();
  watcher.join();
  for (std::thread& agent : agents) agent.join();
  rounds.join();
  const std::vector<v1::Job> jobs = coordinator.ListJobs();
  EXPECT_EQ(jobs.size(), kSubmitters * kJobsEach);
  for (const v1::Job& job : jobs) {
    EXPECT_TRUE(job.state() == v1::Job::SUCCEEDED || job.state() == v1::Job::CANCELLED)
        << job.ShortDebugString();
  }
}

}  // namespace
}  // namespace pretext
