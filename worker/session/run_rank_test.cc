// Ranks in processes of their own, as the zygote forks them, against a coordinator over real gRPC.

#include "worker/session/run_rank.h"

#include <ATen/ops/full.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/exit_codes.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/status_matchers.h"
#include "worker/agent/zygote.h"

namespace pretext {
namespace {

using ::testing::HasSubstr;

// The ranks' side of a coordinator, for one attempt.
class Coordinator final : public v1::WorkerService::Service {
 public:
  ~Coordinator() override { Stop(); }
  void Start() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port_), grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
  }
  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  void EndAttempt() {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  // Waits until every rank below `ranks` has called, at most a minute.
  void AwaitHellos(size_t ranks) {
    auto all = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return reports_.size() >= ranks; };
    absl::MutexLock lock(&mutex_);
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&all), absl::Minutes(1)));
  }
  // Waits until a rank has logged `text`.
  void AwaitLog(int rank, const std::string& text) {
    auto logged = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      for (const v1::ReportRequest& report : reports_[rank]) {
        for (const v1::LogLine& line : report.logs()) {
          if (line.text().find(text) != std::string::npos) return true;
        }
      }
      return false;
    };
    absl::MutexLock lock(&mutex_);
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&logged), absl::Minutes(1))) << text;
  }
  // Of the rank's last report.
  v1::Outcome outcome(int rank) {
    absl::MutexLock lock(&mutex_);
    return reports_[rank].empty() ? v1::Outcome() : reports_[rank].back().outcome();
  }
  std::vector<v1::ReportRequest> reports(int rank) {
    absl::MutexLock lock(&mutex_);
    return reports_[rank];
  }

 private:
  grpc::Status Report(grpc::ServerContext*, const v1::ReportRequest* request, v1::ReportResponse*) override {
    absl::MutexLock lock(&mutex_);
    if (over_) return grpc::Status(grpc::ABORTED, "attempt 1 is over");
    reports_[request->rank()].push_back(*request);
    return grpc::Status::OK;
  }
  grpc::Status PublishRendezvous(grpc::ServerContext*, const v1::PublishRendezvousRequest* request,
                                 v1::PublishRendezvousResponse*) override {
    absl::MutexLock lock(&mutex_);
    place_ = request->address();
    return grpc::Status::OK;
  }
  grpc::Status GetRendezvous(grpc::ServerContext*, const v1::GetRendezvousRequest*,
                             v1::GetRendezvousResponse* response) override {
    absl::MutexLock lock(&mutex_);
    if (place_.empty()) return grpc::Status(grpc::NOT_FOUND, "not yet");
    response->set_address(place_);
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  absl::Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::string place_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::vector<v1::ReportRequest>> reports_ ABSL_GUARDED_BY(mutex_);
};

// Waits, a little at a time, until `condition` holds.
void Await(const JobRun& run, const std::function<bool()>& condition) {
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  const bool never = false;
  while (!condition()) {
    run.clock->AwaitUntil(&mutex, absl::Condition(&never), run.clock->Now() + absl::Milliseconds(5));
  }
}

absl::Status StopWhenAsked(const JobRun& run) {
  run.reporter->Log(v1::LogLine::INFO, "training");
  Await(run, [&] { return run.reporter->stop_requested(); });
  std::ofstream(run.spec.output() + "/stopped") << "x";
  return absl::CancelledError("asked to stop");
}

absl::Status AverageOnce(const JobRun& run) {
  if (run.threads != 1 || run.data_threads != 1)
    return absl::InternalError("2 cores, 2 ranks: 1 thread each");
  const at::Tensor rank = at::full({1}, static_cast<double>(run.process_group->rank()));
  PRETEXT_RETURN_IF_ERROR(run.process_group->AllReduceMean({rank}));
  if (rank.item<float>() != 0.5) return absl::InternalError("the mean of the ranks is wrong");
  run.reporter->BeginStage("pretrain", 0);
  if (run.process_group->rank() == 0) run.reporter->AddMetrics(1, {{"pretrain/loss", 2.5}});
  run.reporter->FinishStage("pretrain");
  return absl::OkStatus();
}

absl::Status LeaveRankZeroWaiting(const JobRun& run) {
  run.reporter->Log(v1::LogLine::INFO, "training");
  if (run.process_group->rank() == 1) return StopWhenAsked(run);
  return run.process_group->Barrier();
}

absl::Status MeasureWhenAsked(const JobRun& run) {
  run.reporter->Log(v1::LogLine::INFO, "training");
  Await(run, [&] { return access((run.spec.output() + "/go").c_str(), F_OK) == 0; });
  run.reporter->BeginStage("pretrain", 0);
  run.reporter->AddMetrics(1, {{"pretrain/loss", 2.5}});
  return absl::OkStatus();
}

absl::Status Refuse(const JobRun&) { return absl::InvalidArgumentError("batch_size: must be 4 or more"); }

absl::Status NeverRun(const JobRun&) { return absl::InternalError("it was run"); }

// What a rank does is named in its spec's labels.
int BeRank(const v1::RankAssignment& assignment) {
  static const std::map<std::string, absl::Status (*)(const JobRun&)> jobs = {
      {"AverageOnce", AverageOnce},
      {"LeaveRankZeroWaiting", LeaveRankZeroWaiting},
      {"MeasureWhenAsked", MeasureWhenAsked},
      {"NeverRun", NeverRun},
      {"Refuse", Refuse},
      {"StopWhenAsked", StopWhenAsked}};
  RankSettings settings;
  settings.coordinator = assignment.spec().labels().at("coordinator");
  settings.node = "nodes/a";
  settings.capacity.set_host("127.0.0.1");
  settings.capacity.set_cores(2);
  settings.run_job = jobs.at(assignment.spec().labels().at("job"));
  return RunRank(settings, assignment);
}

// Forks the ranks of all tests from a process without gRPC, as in an agent.
class Ranks final : public ::testing::Environment, public RankListener {
 public:
  static Ranks* Get() {
    static auto* ranks = new Ranks;
    return ranks;
  }
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/ranks.XXXXXX";
    ZygoteOptions options;
    options.log_folder = mkdtemp(folder_.data());
    options.out_of_memory_kills = [] { return 0; };
    auto zygote = Zygote::Fork(std::move(options), BeRank);
    ASSERT_OK(zygote);
    zygote_ = *std::move(zygote);
    zygote_->Listen(this);
  }
  void TearDown() override { zygote_.reset(); }

  int64_t Start(const v1::RankAssignment& assignment) {
    zygote_->Start(++last_id_, assignment);
    return last_id_;
  }
  void Signal(int64_t id, int signal) { zygote_->Signal(id, signal); }
  // Its exit code, or minus the signal that killed it.
  int Wait(int64_t id) {
    auto ended = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ends_.count(id) != 0; };
    absl::MutexLock lock(&mutex_, absl::Condition(&ended));
    return ends_[id].signal != 0 ? -ends_[id].signal : ends_[id].exit_code;
  }

 private:
  void OnStarted(int64_t, pid_t) override {}
  void OnEnded(int64_t id, const RankEnd& end) override {
    absl::MutexLock lock(&mutex_);
    ends_[id] = end;
  }
  void OnBroken(const absl::Status& why) override { ADD_FAILURE() << why; }

  std::string folder_;
  std::unique_ptr<Zygote> zygote_;
  int64_t last_id_ = 0;
  absl::Mutex mutex_;
  std::map<int64_t, RankEnd> ends_ ABSL_GUARDED_BY(mutex_);
};

[[maybe_unused]] const ::testing::Environment* const kRanks =
    ::testing::AddGlobalTestEnvironment(Ranks::Get());

class RunRankTest : public ::testing::Test {
 protected:
  RunRankTest() {
    std::string name = ::testing::TempDir() + "/run_rank.XXXXXX";
    folder_ = mkdtemp(name.data());
    output_ = folder_ + "/out";
    coordinator_.Start();
  }
  ~RunRankTest() override {
    for (const auto& [rank, id] : ids_) Ranks::Get()->Signal(id, SIGKILL);
  }

  void Start(int rank, int world_size, const std::string& job) {
    v1::RankAssignment assignment;
    assignment.set_job("jobs/1-x");
    assignment.set_attempt(1);
    assignment.set_rank(rank);
    assignment.set_world_size(world_size);
    assignment.set_local_rank(rank);
    assignment.set_local_world_size(world_size);
    v1::JobSpec* spec = assignment.mutable_spec();
    spec->set_output(output_);
    spec->add_stages()->set_name("pretrain");
    (*spec->mutable_labels())["coordinator"] = coordinator_.address();
    (*spec->mutable_labels())["job"] = job;
    ids_[rank] = Ranks::Get()->Start(assignment);
  }
  void Signal(int rank, int signal) { Ranks::Get()->Signal(ids_[rank], signal); }
  int Wait(int rank) { return Ranks::Get()->Wait(ids_[rank]); }
  std::string ReadOutput(const std::string& name) const {
    std::ifstream file(output_ + "/" + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  std::string folder_, output_;
  Coordinator coordinator_;
  std::map<int, int64_t> ids_;  // by rank
};

TEST_F(RunRankTest, MeetsItsGangRunsTheJobAndTellsHowItEnded) {
  Start(0, 2, "AverageOnce");
  Start(1, 2, "AverageOnce");
  EXPECT_EQ(Wait(0), kRankFinished);
  EXPECT_EQ(Wait(1), kRankFinished);
  EXPECT_EQ(coordinator_.outcome(0).kind(), v1::Outcome::FINISHED);
  EXPECT_EQ(coordinator_.outcome(1).kind(), v1::Outcome::FINISHED);
  EXPECT_EQ(coordinator_.reports(0).back().progress().phase(), "starting");
  EXPECT_THAT(ReadOutput("metrics.jsonl"), HasSubstr("pretrain/loss"));
  EXPECT_THAT(ReadOutput("log.txt"), HasSubstr("rank 0 of 2 on nodes/a"));
}

TEST_F(RunRankTest, TellsWhyTheJobCannotWork) {
  Start(0, 1, "Refuse");
  EXPECT_EQ(Wait(0), kRankBadSpec);
  const v1::Outcome outcome = coordinator_.outcome(0);
  EXPECT_EQ(outcome.kind(), v1::Outcome::FAILED);
  EXPECT_EQ(outcome.failure().cause(), v1::Failure::SPEC);
  EXPECT_EQ(outcome.failure().message(), "batch_size: must be 4 or more");
  EXPECT_EQ(outcome.failure().node(), "nodes/a");
  EXPECT_THAT(ReadOutput("log.txt"), HasSubstr("batch_size: must be 4 or more"));
}

TEST_F(RunRankTest, StopsOnSigterm) {
  Start(0, 1, "StopWhenAsked");
  coordinator_.AwaitLog(0, "training");
  Signal(0, SIGTERM);
  EXPECT_EQ(Wait(0), kRankStopped);
  EXPECT_EQ(coordinator_.outcome(0).kind(), v1::Outcome::STOPPED);
}

TEST_F(RunRankTest, EndsAtOnceWhenItsAttemptIsOverAndWritesNothingMore) {
  Start(0, 1, "StopWhenAsked");
  coordinator_.AwaitLog(0, "training");
  coordinator_.EndAttempt();
  EXPECT_EQ(Wait(0), kRankFenced);
  EXPECT_EQ(ReadOutput("stopped"), "");
}

TEST_F(RunRankTest, NoticesThatAnotherRankHasDied) {
  Start(0, 2, "LeaveRankZeroWaiting");
  Start(1, 2, "LeaveRankZeroWaiting");
  coordinator_.AwaitLog(1, "training");
  Signal(1, SIGKILL);
  EXPECT_EQ(Wait(0), kRankPeerLost);
  EXPECT_EQ(Wait(1), -SIGKILL);
  EXPECT_EQ(coordinator_.outcome(0).failure().exit_code(), kRankPeerLost);
  EXPECT_THAT(coordinator_.outcome(0).failure().message(), HasSubstr("rank 0 (nodes/a): "));
}

TEST_F(RunRankTest, StopsWhileItWaitsForARankThatNeverComes) {
  Start(1, 2, "NeverRun");
  coordinator_.AwaitHellos(1);
  Signal(1, SIGTERM);
  EXPECT_EQ(Wait(1), kRankStopped);
  EXPECT_EQ(coordinator_.outcome(1).kind(), v1::Outcome::STOPPED);
}

TEST_F(RunRankTest, KeepsItsLastWordsForACoordinatorThatRestarts) {
  Start(0, 1, "MeasureWhenAsked");
  coordinator_.AwaitLog(0, "training");
  coordinator_.Stop();
  std::ofstream(output_ + "/go") << "x";
  coordinator_.Start();
  EXPECT_EQ(Wait(0), kRankFinished);
  int points = 0;
  for (const v1::ReportRequest& report : coordinator_.reports(0)) points += report.metrics_size();
  EXPECT_EQ(points, 1);
  EXPECT_EQ(coordinator_.outcome(0).kind(), v1::Outcome::FINISHED);
}

TEST_F(RunRankTest, RefusesAnOutputThatItCannotMake) {
  std::ofstream(folder_ + "/file") << "x";
  output_ = folder_ + "/file/out";
  Start(0, 1, "NeverRun");
  EXPECT_EQ(Wait(0), kRankBadSpec);
  EXPECT_THAT(coordinator_.outcome(0).failure().message(), HasSubstr("/file: File exists"));
}

}  // namespace
}  // namespace pretext
