#include "server/rpc/rpc_server.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "pretext/v1/cluster_service.grpc.pb.h"
#include "pretext/v1/job_service.grpc.pb.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/grpc_status.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_matchers.h"
#include "server/scheduler/gang_scheduler.h"
#include "server/store/memory_job_store.h"
#include "server/store/memory_telemetry_store.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The bytes of one gRPC message sent to `method` and the first one that comes back, without its types.
std::string RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                    const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  auto step = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return ok;
  };
  auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  EXPECT_TRUE(step());
  const grpc::Slice slice(request);
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  EXPECT_TRUE(step());
  grpc::ByteBuffer reply;
  call->Read(&reply, nullptr);
  std::string text;
  if (step()) {
    std::vector<grpc::Slice> slices;
    EXPECT_TRUE(reply.Dump(&slices).ok());
    for (const grpc::Slice& part : slices)
      text.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  step();
  return text;
}

v1::JobSpec Spec() {
  v1::JobSpec spec;
  spec.set_name("xray");
  spec.mutable_data()->set_images("/data/pictures");
  spec.add_stages()->mutable_pretrain()->add_tasks()->mutable_rotation();
  return spec;
}

class RpcServerTest : public ::testing::Test {
 protected:
  RpcServerTest() {
    CoordinatorOptions options;
    std::string folder = absl::StrCat(::testing::TempDir(), "/rpc.XXXXXX");
    options.state_directory = mkdtemp(folder.data());
    coordinator_ =
        std::make_unique<Coordinator>(options, &journal_, &telemetry_, &scheduler_, nullptr, RealClock());
    EXPECT_OK(coordinator_->Recover());
    RpcServerOptions addresses;
    addresses.people = {"127.0.0.1:0"};
    addresses.workers = {"127.0.0.1:0"};
    addresses.version = "1.2.3";
    auto server = RpcServer::Start(addresses, coordinator_.get(), &telemetry_, RealClock());
    EXPECT_OK(server.status());
    server_ = *std::move(server);
    rounds_ = std::thread([this] { EXPECT_OK(coordinator_->Run()); });
    people_ = Connect(server_->people_addresses()[0]);
    jobs_ = v1::JobService::NewStub(people_);
    cluster_ = v1::ClusterService::NewStub(people_);
    workers_ = v1::WorkerService::NewStub(Connect(server_->worker_addresses()[0]));
  }
  ~RpcServerTest() override {
    server_.reset();
    coordinator_->Stop();
    rounds_.join();
  }

  static std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
    return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  }

  v1::Job Submit() {
    v1::CreateJobRequest request;
    *request.mutable_spec() = Spec();
    v1::Job job;
    grpc::ClientContext context;
    EXPECT_OK(FromGrpcStatus(jobs_->CreateJob(&context, request, &job)));
    return job;
  }

  // An agent's call. `known` is the revision it has seen.
  v1::SyncAgentResponse Sync(int64_t known, int wait_seconds, const v1::RankStatus* rank = nullptr) {
    v1::SyncAgentRequest request;
    request.set_node("nodes/a");
    request.set_incarnation("first");
    request.mutable_capacity()->set_cpu_slots(1);
    request.mutable_capacity()->set_cores(1);
    request.set_known_revision(known);
    request.mutable_wait()->set_seconds(wait_seconds);
    if (rank != nullptr) *request.add_ranks() = *rank;
    v1::SyncAgentResponse response;
    grpc::ClientContext context;
    EXPECT_OK(FromGrpcStatus(workers_->SyncAgent(&context, request, &response)));
    return response;
  }

  // A submitted job whose only rank an agent has been told to run.
  std::string StartJob() {
    const std::string job = Submit().name();
    v1::SyncAgentResponse answer;
    while (answer.ranks().empty()) answer = Sync(answer.revision(), 10);
    EXPECT_EQ(answer.ranks(0).job(), job);
    return job;
  }

  v1::ReportRequest MakeReport(const std::string& job) {
    v1::ReportRequest report;
    report.set_job(job);
    report.set_attempt(1);
    report.set_sequence(++sequence_);
    return report;
  }
  void Report(const v1::ReportRequest& report) {
    v1::ReportResponse response;
    grpc::ClientContext context;
    EXPECT_OK(FromGrpcStatus(workers_->Report(&context, report, &response)));
  }
  void ReportPoint(const std::string& job, int64_t step) {
    v1::ReportRequest report = MakeReport(job);
    report.add_metrics()->set_metric("pretrain/loss");
    report.mutable_metrics(0)->set_step(step);
    report.add_logs()->set_text(absl::StrCat("step ", step));
    Report(report);
  }
  // Its rank tells that all stages are done, and exits.
  void FinishJob(const std::string& job) {
    v1::ReportRequest report = MakeReport(job);
    report.mutable_outcome()->set_kind(v1::Outcome::FINISHED);
    Report(report);
    v1::RankStatus exited;
    exited.set_job(job);
    exited.set_attempt(1);
    exited.set_state(v1::RankStatus::EXITED);
    Sync(0, 0, &exited);
  }

  MemoryJobStore journal_;
  MemoryTelemetryStore telemetry_;
  GangScheduler scheduler_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<RpcServer> server_;
  std::thread rounds_;
  std::shared_ptr<grpc::Channel> people_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::ClusterService::Stub> cluster_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
  int64_t sequence_ = 0;
};

TEST_F(RpcServerTest, AnswersHealthChecksAndReflection) {
  EXPECT_EQ(RawCall(people_, "/grpc.health.v1.Health/Check", ""), std::string("\x08\x01", 2)) << "SERVING";
  EXPECT_EQ(RawCall(people_, "/grpc.health.v1.Health/Check", "\x0a\x15pretext.v1.JobService"),
            std::string("\x08\x01", 2));
  const std::string list_services("\x3a\x01*", 3);
  const std::string services =
      RawCall(people_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", list_services);
  EXPECT_THAT(services, HasSubstr("pretext.v1.JobService"));
  EXPECT_THAT(services, HasSubstr("pretext.v1.ClusterService"));
  EXPECT_THAT(services, ::testing::Not(HasSubstr("pretext.v1.WorkerService"))) << "that is another audience";
}

TEST_F(RpcServerTest, SaysWhoItIs) {
  v1::GetVersionResponse response;
  grpc::ClientContext context;
  ASSERT_OK(FromGrpcStatus(cluster_->GetVersion(&context, {}, &response)));
  EXPECT_EQ(response.version(), "1.2.3");
}

TEST_F(RpcServerTest, EveryErrorCarriesDetails) {
  {
    v1::GetJobRequest request;
    request.set_name("jobs/77");
    v1::Job job;
    grpc::ClientContext context;
    const absl::Status status = FromGrpcStatus(jobs_->GetJob(&context, request, &job));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("jobs/77")));
    EXPECT_EQ(GetReason(status), "JOB_NOT_FOUND");
  }
  {
    v1::Job job;
    grpc::ClientContext context;
    const absl::Status status = FromGrpcStatus(jobs_->CreateJob(&context, {}, &job));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_FALSE(GetFieldViolations(status).empty());
  }
  {
    v1::ListJobsRequest request;
    request.set_filter("stat = RUNNING");
    v1::ListJobsResponse response;
    grpc::ClientContext context;
    const absl::Status status = FromGrpcStatus(jobs_->ListJobs(&context, request, &response));
    EXPECT_THAT(GetFieldViolations(status), ElementsAre(::testing::Field(&FieldViolation::field, "filter")));
  }
}

TEST_F(RpcServerTest, WatchesAJobToItsEnd) {
  const v1::Job job = Submit();
  v1::WatchJobRequest request;
  request.set_name(job.name());
  grpc::ClientContext context;
  const auto stream = jobs_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.job().state(), v1::Job::QUEUED) << "the present state comes first";
  ASSERT_OK(coordinator_->CancelJob(job.name(), "enough").status());
  v1::Job last;
  while (stream->Read(&response) && response.has_job()) last = response.job();
  EXPECT_EQ(last.state(), v1::Job::CANCELLED);
  EXPECT_EQ(response.terminal().state(), v1::Job::CANCELLED);
  EXPECT_THAT(response.terminal().reason(), HasSubstr("enough"));
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_OK(FromGrpcStatus(stream->Finish()));

  // From its last revision there is nothing but the end.
  request.set_after_revision(last.revision());
  grpc::ClientContext again;
  const auto resumed = jobs_->WatchJob(&again, request);
  ASSERT_TRUE(resumed->Read(&response));
  EXPECT_TRUE(response.has_terminal());
}

TEST_F(RpcServerTest, WatchesAllJobsInTheOrderOfTheirChanges) {
  const v1::Job first = Submit();
  v1::WatchJobRequest request;
  request.set_name("jobs/-");
  request.set_after_revision(first.revision());
  grpc::ClientContext context;
  const auto stream = jobs_->WatchJob(&context, request);
  const v1::Job second = Submit();
  v1::WatchJobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.job().name(), second.name()) << "the first has not changed since";
  context.TryCancel();
}

TEST_F(RpcServerTest, EndsAStreamOfAnUnknownJobWithAnError) {
  v1::WatchJobRequest request;
  request.set_name("jobs/77");
  grpc::ClientContext context;
  const auto stream = jobs_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(FromGrpcStatus(stream->Finish()), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RpcServerTest, FollowsMetricsFromACursorToTheEnd) {
  const std::string job = StartJob();
  ReportPoint(job, 1);
  v1::StreamMetricsRequest request;
  request.set_name(job);
  grpc::ClientContext first_context;
  auto stream = jobs_->StreamMetrics(&first_context, request);
  v1::StreamMetricsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.points_size(), 1);
  request.set_cursor(response.cursor());
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.terminal().state(), v1::Job::RUNNING) << "not followed: it ends with what there is";

  request.set_follow(true);
  grpc::ClientContext second_context;
  stream = jobs_->StreamMetrics(&second_context, request);
  ReportPoint(job, 2);
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.points_size(), 1);
  EXPECT_EQ(response.points(0).step(), 2) << "step 1 was before the cursor";
  ReportPoint(job, 3);
  FinishJob(job);
  std::vector<int64_t> steps;
  while (stream->Read(&response) && !response.has_terminal()) {
    for (const v1::MetricPoint& point : response.points()) steps.push_back(point.step());
  }
  EXPECT_THAT(steps, ElementsAre(3));
  EXPECT_EQ(response.terminal().state(), v1::Job::SUCCEEDED);
  EXPECT_OK(FromGrpcStatus(stream->Finish()));
}

TEST_F(RpcServerTest, TailsTheLastLinesAndThenAllThatFollow) {
  const std::string job = StartJob();
  for (int step = 1; step <= 5; ++step) ReportPoint(job, step);
  v1::TailLogsRequest request;
  request.set_name(job);
  request.set_last(2);
  request.set_follow(true);
  grpc::ClientContext context;
  const auto stream = jobs_->TailLogs(&context, request);
  v1::TailLogsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  ASSERT_EQ(response.lines_size(), 2);
  EXPECT_EQ(response.lines(0).text(), "step 4");
  ReportPoint(job, 6);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.lines(0).text(), "step 6");
  context.TryCancel();
}

TEST_F(RpcServerTest, HoldsAnAgentsCallUntilThereIsWork) {
  const v1::SyncAgentResponse idle = Sync(0, 0);
  EXPECT_TRUE(idle.ranks().empty());
  v1::SyncAgentResponse answer;
  std::thread held([&] { answer = Sync(idle.revision(), 20); });
  const std::string job = Submit().name();
  held.join();
  ASSERT_EQ(answer.ranks_size(), 1);
  EXPECT_EQ(answer.ranks(0).job(), job);
}

TEST_F(RpcServerTest, AnswersAnAgentWhenItsTimeIsUp) {
  const v1::SyncAgentResponse idle = Sync(0, 0);
  EXPECT_EQ(Sync(idle.revision(), 0).revision(), idle.revision());
}

TEST_F(RpcServerTest, HoldsRanksUntilTheyKnowWhereToMeet) {
  const std::string job = StartJob();
  v1::GetRendezvousRequest get;
  get.set_job(job);
  get.set_attempt(1);
  {
    v1::GetRendezvousResponse response;
    grpc::ClientContext context;
    EXPECT_THAT(FromGrpcStatus(workers_->GetRendezvous(&context, get, &response)),
                StatusIs(absl::StatusCode::kNotFound));
  }
  get.mutable_wait()->set_seconds(20);
  std::string address;
  std::thread held([&] {
    v1::GetRendezvousResponse response;
    grpc::ClientContext context;
    EXPECT_OK(FromGrpcStatus(workers_->GetRendezvous(&context, get, &response)));
    address = response.address();
  });
  v1::PublishRendezvousRequest publish;
  publish.set_job(job);
  publish.set_attempt(1);
  publish.set_address("host:99");
  v1::PublishRendezvousResponse response;
  grpc::ClientContext context;
  EXPECT_OK(FromGrpcStatus(workers_->PublishRendezvous(&context, publish, &response)));
  held.join();
  EXPECT_EQ(address, "host:99");
}

TEST_F(RpcServerTest, DownloadsAFileInPiecesWithItsDigest) {
  const v1::Job job = Submit();
  std::filesystem::create_directories(job.output());
  std::string text(600'000, 'w');
  text[599'999] = '!';
  std::ofstream(job.output() + "/weights") << text;
  for (const int64_t offset : {0, 300'000}) {
    v1::DownloadArtifactRequest request;
    request.set_name(job.name());
    request.set_path("weights");
    request.set_offset(offset);
    grpc::ClientContext context;
    const auto stream = jobs_->DownloadArtifact(&context, request);
    v1::DownloadArtifactResponse response;
    std::string got;
    while (stream->Read(&response) && !response.has_done()) {
      EXPECT_EQ(response.offset(), offset + got.size());
      EXPECT_LE(response.data().size(), 256 * 1024);
      got += response.data();
    }
    EXPECT_EQ(got, text.substr(offset));
    EXPECT_EQ(response.done().sha256(), Sha256Hex(text));
    EXPECT_EQ(response.done().bytes(), text.size());
    EXPECT_OK(FromGrpcStatus(stream->Finish()));
  }
  v1::DownloadArtifactRequest request;
  request.set_name(job.name());
  request.set_path("../../secret");
  grpc::ClientContext context;
  const auto stream = jobs_->DownloadArtifact(&context, request);
  v1::DownloadArtifactResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_THAT(FromGrpcStatus(stream->Finish()), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RpcServerTest, FollowersCostNoThreads) {
  const v1::Job job = Submit();
  v1::WatchJobRequest request;
  request.set_name(job.name());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::WatchJobResponse>>> streams;
  v1::WatchJobResponse response;
  for (int i = 0; i < 300; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    streams.push_back(jobs_->WatchJob(contexts.back().get(), request));
    ASSERT_TRUE(streams.back()->Read(&response));
  }
  ASSERT_OK(coordinator_->CancelJob(job.name(), "").status());
  for (const auto& stream : streams) {
    while (stream->Read(&response) && !response.has_terminal()) {
    }
    EXPECT_TRUE(response.has_terminal());
    EXPECT_OK(FromGrpcStatus(stream->Finish()));
  }
}

TEST_F(RpcServerTest, EndsStreamsAndHeldCallsWithUnavailableWhenItStops) {
  const v1::Job job = Submit();
  v1::WatchJobRequest request;
  request.set_name(job.name());
  grpc::ClientContext context;
  const auto stream = jobs_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_->Stop(absl::Seconds(5));
  while (stream->Read(&response)) {
    EXPECT_FALSE(response.has_terminal()) << "the job has not ended";
  }
  EXPECT_THAT(FromGrpcStatus(stream->Finish()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("call again")));
}

TEST_F(RpcServerTest, TellsAllItCanOfASpecWithHundredsOfFaults) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = Spec();
  for (int i = 0; i < 400; ++i) request.mutable_spec()->add_stages()->set_name(std::string(100, 'x'));
  v1::Job job;
  grpc::ClientContext context;
  const absl::Status status = FromGrpcStatus(jobs_->CreateJob(&context, request, &job));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("more faults")));
  EXPECT_GT(GetFieldViolations(status).size(), 3);
}

TEST_F(RpcServerTest, NamesTheRequestFieldOfAStreamThatIsAtFault) {
  const std::string job = Submit().name();
  const auto fault_of = [](auto stream, auto response) {
    EXPECT_FALSE(stream->Read(&response));
    const std::vector<FieldViolation> faults = GetFieldViolations(FromGrpcStatus(stream->Finish()));
    return faults.size() == 1 ? faults[0].field : "";
  };
  v1::StreamMetricsRequest metrics;
  metrics.set_name(job);
  metrics.set_cursor(int64_t{1} << 62);
  grpc::ClientContext far;
  EXPECT_EQ(fault_of(jobs_->StreamMetrics(&far, metrics), v1::StreamMetricsResponse()), "cursor");
  metrics.set_cursor(0);
  for (int i = 0; i < 1001; ++i) metrics.add_metrics("pretrain/loss");
  grpc::ClientContext many;
  EXPECT_EQ(fault_of(jobs_->StreamMetrics(&many, metrics), v1::StreamMetricsResponse()), "metrics");
  v1::TailLogsRequest logs;
  logs.set_name(job);
  logs.set_last(-1);
  grpc::ClientContext negative;
  EXPECT_EQ(fault_of(jobs_->TailLogs(&negative, logs), v1::TailLogsResponse()), "last");
  v1::WatchJobRequest watch;
  for (const std::string& name : {job, std::string("jobs/-")}) {
    watch.set_name(name);
    watch.set_after_revision(int64_t{1} << 62);
    grpc::ClientContext context;
    EXPECT_EQ(fault_of(jobs_->WatchJob(&context, watch), v1::WatchJobResponse()), "after_revision");
  }
}

TEST_F(RpcServerTest, TellsFollowersThatTheDiskIsFullAndGoesOnAfterwards) {
  const std::string job = StartJob();
  ReportPoint(job, 1);
  v1::StreamMetricsRequest request;
  request.set_name(job);
  request.set_follow(true);
  grpc::ClientContext context;
  auto stream = jobs_->StreamMetrics(&context, request);
  v1::StreamMetricsResponse response;
  ASSERT_TRUE(stream->Read(&response));
  request.set_cursor(response.cursor());

  telemetry_.RefuseWith(absl::ResourceExhaustedError("disk is full"));
  v1::ReportRequest report = MakeReport(job);
  report.add_metrics()->set_metric("pretrain/loss");
  report.mutable_metrics(0)->set_step(2);
  v1::ReportResponse reported;
  grpc::ClientContext refused;
  EXPECT_THAT(FromGrpcStatus(workers_->Report(&refused, report, &reported)),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(stream->Read(&response));
  const absl::Status status = FromGrpcStatus(stream->Finish());
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("disk is full")));
  EXPECT_EQ(GetReason(status), "DISK_REFUSES");
  const absl::StatusOr<v1::Job> view = coordinator_->GetJob(job);
  ASSERT_OK(view);
  EXPECT_THAT(view->reason(), HasSubstr("disk is full"));

  telemetry_.RefuseWith(absl::OkStatus());
  Report(report);
  grpc::ClientContext again;
  stream = jobs_->StreamMetrics(&again, request);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.points(0).step(), 2);
  EXPECT_THAT(coordinator_->GetJob(job)->reason(), ::testing::Not(HasSubstr("disk")));
  again.TryCancel();
}

TEST_F(RpcServerTest, KnowsWhetherAnybodyCalls) {
  const v1::Job job = Submit();
  v1::WatchJobRequest request;
  request.set_name(job.name());
  grpc::ClientContext context;
  const auto stream = jobs_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(server_->Quiet(), absl::ZeroDuration()) << "a stream is open";
  ASSERT_OK(coordinator_->CancelJob(job.name(), "").status());
  while (stream->Read(&response)) {
  }
  EXPECT_OK(FromGrpcStatus(stream->Finish()));
}

}  // namespace
}  // namespace pretext
