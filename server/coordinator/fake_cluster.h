#ifndef PRETEXT_SERVER_COORDINATOR_FAKE_CLUSTER_H_
#define PRETEXT_SERVER_COORDINATOR_FAKE_CLUSTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/cpp/fake_clock.h"
#include "server/coordinator/coordinator.h"
#include "server/launchers/fake_launcher.h"
#include "server/scheduler/gang_scheduler.h"
#include "server/store/memory_job_store.h"
#include "server/store/memory_telemetry_store.h"

namespace pretext {

// A job of one stage on `world_size` CPU ranks.
v1::JobSpec SmallSpec(int world_size = 2, const std::string& name = "xray");

// An agent without processes: it believes that it runs what it was told to, until a test says otherwise.
class FakeAgent {
 public:
  FakeAgent(std::string node, int cpu_slots);

  // One SyncAgent: tells its ranks, then starts and kills as the answer says. Killed ranks are told as exited
  // with SIGKILL the next time, as a real agent does.
  absl::Status Sync(Coordinator& coordinator);

  // A process of rank `rank` of the newest attempt it knows of `job` ends.
  void Exit(const std::string& job, int rank, int exit_code);
  void Kill(const std::string& job, int rank, int signal);
  // All processes are gone without a trace and the agent starts anew.
  void Restart();

  // Ranks that run, as "jobs/1-xray/ATTEMPT/RANK", with " stop" when told to stop.
  std::vector<std::string> Running() const;
  const v1::SyncAgentResponse& answer() const { return answer_; }

  std::string node;
  std::string incarnation = "first";
  v1::NodeCapacity capacity;

 private:
  std::map<RankKey, v1::RankStatus> ranks_;
  std::map<RankKey, bool> stops_;
  v1::SyncAgentResponse answer_;
};

// A coordinator on memory stores and a clock that stands still, with fake agents.
class FakeCluster {
 public:
  FakeCluster();

  FakeAgent& AddAgent(const std::string& node, int cpu_slots);
  // Rounds and syncs until nothing changes any more.
  void Settle();
  // The coordinator dies and another one starts on the same journal.
  void RestartCoordinator();

  // Submits; fails the test when it is refused. Returns the job's name.
  std::string Submit(const v1::JobSpec& spec);
  v1::Job Get(const std::string& job);

  // One report of a rank of the current attempt; sequences count up by themselves.
  v1::ReportRequest MakeReport(const std::string& job, int rank);
  absl::StatusOr<v1::ReportResponse> Report(const v1::ReportRequest& report);
  // Every rank says hello.
  void SayHello(const std::string& job);
  // Every rank tells `kind` and exits accordingly.
  void EndAll(const std::string& job, v1::Outcome::Kind kind);
  v1::ReportRequest MakeCheckpointReport(const std::string& job, int64_t step);

  Coordinator& coordinator() { return *coordinator_; }
  FakeAgent& agent(const std::string& node) { return *agents_.at(node); }
  FakeAgent& AgentOf(const std::string& job, int rank);

  FakeClock clock;
  CoordinatorOptions options;
  MemoryJobStore journal;
  MemoryTelemetryStore telemetry;
  GangScheduler scheduler;
  FakeLauncher launcher;

 private:
  std::unique_ptr<Coordinator> coordinator_;
  std::map<std::string, std::unique_ptr<FakeAgent>> agents_;
  int64_t sequence_ = 0;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_COORDINATOR_FAKE_CLUSTER_H_
