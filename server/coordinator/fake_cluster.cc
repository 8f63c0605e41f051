#include "server/coordinator/fake_cluster.h"

#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {

v1::JobSpec SmallSpec(int world_size, const std::string& name) {
  v1::JobSpec spec;
  spec.set_name(name);
  spec.mutable_data()->set_images("/data/pictures");
  v1::PretrainStage* stage = spec.add_stages()->mutable_pretrain();
  stage->add_tasks()->mutable_rotation();
  stage->set_batch_size(64);
  spec.mutable_resources()->set_world_size(world_size);
  return spec;
}

FakeAgent::FakeAgent(std::string node, int cpu_slots) : node(std::move(node)) {
  capacity.set_cpu_slots(cpu_slots);
  capacity.set_cores(cpu_slots);
  capacity.set_host(this->node + ".example");
}

absl::Status FakeAgent::Sync(Coordinator& coordinator) {
  v1::SyncAgentRequest request;
  request.set_node(node);
  request.set_incarnation(incarnation);
  *request.mutable_capacity() = capacity;
  request.set_known_revision(answer_.revision());
  for (const auto& [key, status] : ranks_) *request.add_ranks() = status;
  absl::StatusOr<v1::SyncAgentResponse> answer = coordinator.SyncAgent(request);
  if (!answer.ok()) return answer.status();
  answer_ = *std::move(answer);
  std::map<RankKey, bool> wanted;
  for (const v1::RankAssignment& rank : answer_.ranks()) {
    const RankKey key(rank.job(), rank.attempt(), rank.rank());
    wanted[key] = rank.stop();
    if (ranks_.count(key) != 0) continue;
    v1::RankStatus& status = ranks_[key];
    status.set_job(rank.job());
    status.set_attempt(rank.attempt());
    status.set_rank(rank.rank());
    status.set_state(v1::RankStatus::RUNNING);
    status.set_pid(1000 + rank.rank());
  }
  for (auto it = ranks_.begin(); it != ranks_.end();) {
    v1::RankStatus& status = it->second;
    if (wanted.count(it->first) != 0) {
      ++it;
    } else if (status.state() == v1::RankStatus::EXITED) {
      it = ranks_.erase(it);
    } else {
      status.set_state(v1::RankStatus::EXITED);
      status.set_signal(SIGKILL);
      ++it;
    }
  }
  stops_ = std::move(wanted);
  return absl::OkStatus();
}

void FakeAgent::Exit(const std::string& job, int rank, int exit_code) {
  for (auto it = ranks_.rbegin(); it != ranks_.rend(); ++it) {
    if (std::get<0>(it->first) != job || std::get<2>(it->first) != rank) continue;
    it->second.set_state(v1::RankStatus::EXITED);
    it->second.set_exit_code(exit_code);
    return;
  }
  ADD_FAILURE() << "rank " << rank << " of " << job << " does not run on " << node;
}

void FakeAgent::Kill(const std::string& job, int rank, int signal) {
  Exit(job, rank, 0);
  for (auto& [key, status] : ranks_) {
    if (std::get<0>(key) == job && std::get<2>(key) == rank) status.set_signal(signal);
  }
}

void FakeAgent::Restart() {
  ranks_.clear();
  stops_.clear();
  answer_.Clear();
  absl::StrAppend(&incarnation, "'");
}

std::vector<std::string> FakeAgent::Running() const {
  std::vector<std::string> running;
  for (const auto& [key, status] : ranks_) {
    if (status.state() != v1::RankStatus::RUNNING) continue;
    const auto stop = stops_.find(key);
    running.push_back(absl::StrCat(std::get<0>(key), "/", std::get<1>(key), "/", std::get<2>(key),
                                   stop != stops_.end() && stop->second ? " stop" : ""));
  }
  return running;
}

FakeCluster::FakeCluster() {
  options.state_directory = ::testing::TempDir();
  RestartCoordinator();
}

void FakeCluster::RestartCoordinator() {
  coordinator_ = std::make_unique<Coordinator>(options, &journal, &telemetry, &scheduler, &launcher, &clock);
  EXPECT_OK(coordinator_->Recover());
}

FakeAgent& FakeCluster::AddAgent(const std::string& node, int cpu_slots) {
  agents_[node] = std::make_unique<FakeAgent>(node, cpu_slots);
  EXPECT_OK(agents_[node]->Sync(*coordinator_));
  return *agents_[node];
}

void FakeCluster::Settle() {
  int64_t before = -1;
  while (true) {
    EXPECT_OK(coordinator_->RunOnce());
    for (auto& [name, agent] : agents_) EXPECT_OK(agent->Sync(*coordinator_));
    const int64_t changes = coordinator_->WaitForChange(0, absl::InfinitePast());
    if (changes == before) return;
    before = changes;
  }
}

std::string FakeCluster::Submit(const v1::JobSpec& spec) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  const absl::StatusOr<v1::Job> job = coordinator_->CreateJob(request);
  EXPECT_OK(job);
  return job.ok() ? job->name() : "";
}

v1::Job FakeCluster::Get(const std::string& job) {
  const absl::StatusOr<v1::Job> found = coordinator_->GetJob(job);
  EXPECT_OK(found);
  return found.ok() ? *found : v1::Job();
}

FakeAgent& FakeCluster::AgentOf(const std::string& job, int rank) {
  return agent(Get(job).placements(rank).node());
}

v1::ReportRequest FakeCluster::MakeReport(const std::string& job, int rank) {
  v1::ReportRequest report;
  report.set_job(job);
  report.set_attempt(Get(job).attempt());
  report.set_rank(rank);
  report.set_sequence(++sequence_);
  return report;
}

v1::ReportRequest FakeCluster::MakeCheckpointReport(const std::string& job, int64_t step) {
  v1::ReportRequest report = MakeReport(job, 0);
  v1::Checkpoint* checkpoint = report.add_checkpoints();
  checkpoint->set_stage("pretrain");
  checkpoint->set_step(step);
  return report;
}

absl::StatusOr<v1::ReportResponse> FakeCluster::Report(const v1::ReportRequest& report) {
  return coordinator_->Report(report);
}

void FakeCluster::SayHello(const std::string& job) {
  const int ranks = Get(job).placements_size();
  for (int rank = 0; rank < ranks; ++rank) EXPECT_OK(Report(MakeReport(job, rank)));
}

void FakeCluster::EndAll(const std::string& job, v1::Outcome::Kind kind) {
  const int ranks = Get(job).placements_size();
  for (int rank = 0; rank < ranks; ++rank) {
    v1::ReportRequest report = MakeReport(job, rank);
    report.mutable_outcome()->set_kind(kind);
    EXPECT_OK(Report(report));
    AgentOf(job, rank).Exit(job, rank, kind == v1::Outcome::FINISHED ? kRankFinished : kRankStopped);
  }
}

}  // namespace pretext
