#include "client/coordinator_client/grpc_coordinator_client.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "pretext/v1/job_service.grpc.pb.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_matchers.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A job service that fails on demand.
class ScriptedJobService final : public v1::JobService::Service {
 public:
  std::deque<grpc::Status> failures;  // the answers to the next calls; then they succeed
  std::vector<std::string> request_ids;
  int get_calls = 0, resume_calls = 0;
  std::vector<int64_t> opened_at;  // cursors streams were opened with
  int records_before_cut = 2;      // of the first stream
  std::string file = "0123456789abcdef";
  std::string claimed_digest = Sha256Hex("0123456789abcdef");

  grpc::Status CreateJob(grpc::ServerContext*, const v1::CreateJobRequest* request, v1::Job* job) override {
    request_ids.push_back(request->request_id());
    job->set_name("jobs/1");
    return NextFailure();
  }
  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request, v1::Job* job) override {
    ++get_calls;
    job->set_name(request->name());
    return NextFailure();
  }
  grpc::Status ResumeJob(grpc::ServerContext*, const v1::ResumeJobRequest*, v1::Job*) override {
    ++resume_calls;
    return NextFailure();
  }
  grpc::Status StreamMetrics(grpc::ServerContext*, const v1::StreamMetricsRequest* request,
                             grpc::ServerWriter<v1::StreamMetricsResponse>* writer) override {
    opened_at.push_back(request->cursor());
    for (int64_t cursor = request->cursor(); cursor < 5; ++cursor) {
      if (opened_at.size() == 1 && cursor == records_before_cut)
        return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
      if (opened_at.size() == 2 && cursor == 4) return grpc::Status::OK;  // ends without a terminal record
      v1::StreamMetricsResponse record;
      record.add_points()->set_step(cursor);
      record.set_cursor(cursor + 1);
      writer->Write(record);
    }
    v1::StreamMetricsResponse last;
    last.set_cursor(5);
    last.mutable_terminal()->set_state(v1::Job::SUCCEEDED);
    writer->Write(last);
    return grpc::Status::OK;
  }
  grpc::Status WatchJob(grpc::ServerContext*, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::WatchJobResponse>* writer) override {
    opened_at.push_back(request->after_revision());
    v1::WatchJobResponse record;
    // Sent again when the stream is opened again: the client leaves it out.
    record.mutable_job()->set_revision(7);
    writer->Write(record);
    if (opened_at.size() == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
    record.mutable_job()->set_revision(9);
    writer->Write(record);
    record.mutable_terminal()->set_state(v1::Job::FAILED);
    writer->Write(record);
    return grpc::Status::OK;
  }
  grpc::Status DownloadArtifact(grpc::ServerContext*, const v1::DownloadArtifactRequest* request,
                                grpc::ServerWriter<v1::DownloadArtifactResponse>* writer) override {
    opened_at.push_back(request->offset());
    for (size_t at = request->offset(); at < file.size(); at += 4) {
      if (opened_at.size() == 1 && at == 8) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "cut");
      v1::DownloadArtifactResponse piece;
      piece.set_data(file.substr(at, 4));
      piece.set_offset(static_cast<int64_t>(at));
      writer->Write(piece);
    }
    v1::DownloadArtifactResponse last;
    last.mutable_done()->set_bytes(static_cast<int64_t>(file.size()));
    last.mutable_done()->set_sha256(claimed_digest);
    writer->Write(last);
    return grpc::Status::OK;
  }

 private:
  grpc::Status NextFailure() {
    if (failures.empty()) return grpc::Status::OK;
    grpc::Status status = failures.front();
    failures.pop_front();
    return status;
  }
};

class GrpcCoordinatorClientTest : public testing::Test {
 protected:
  GrpcCoordinatorClientTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("localhost:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    address_ = absl::StrCat("localhost:", port);
    client_ = MakeClient();
  }
  ~GrpcCoordinatorClientTest() override { server_->Shutdown(); }

  std::unique_ptr<CoordinatorClient> MakeClient() {
    GrpcClientOptions options;
    options.address = address_;
    options.wait = [this](absl::Duration delay, const absl::Status&) { waits_.push_back(delay); };
    return MakeGrpcCoordinatorClient(std::move(options));
  }
  static grpc::Status Unavailable() { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "restarting"); }

  std::string address_;
  ScriptedJobService service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<absl::Duration> waits_;
  std::unique_ptr<CoordinatorClient> client_;
};

TEST_F(GrpcCoordinatorClientTest, ACreateIsRetriedWithTheSameRequestId) {
  service_.failures = {Unavailable(), Unavailable()};
  ASSERT_OK_AND_ASSIGN(const v1::Job job, client_->CreateJob(v1::CreateJobRequest()));
  EXPECT_EQ(job.name(), "jobs/1");
  ASSERT_EQ(service_.request_ids.size(), 3);
  EXPECT_EQ(service_.request_ids[0].size(), 36);
  EXPECT_EQ(service_.request_ids[0][14], '4');
  EXPECT_EQ(service_.request_ids[0], service_.request_ids[1]);
  EXPECT_EQ(service_.request_ids[0], service_.request_ids[2]);
  EXPECT_EQ(waits_.size(), 2);
}

TEST_F(GrpcCoordinatorClientTest, EachCreateHasItsOwnRequestId) {
  ASSERT_OK(client_->CreateJob(v1::CreateJobRequest()));
  ASSERT_OK(client_->CreateJob(v1::CreateJobRequest()));
  EXPECT_NE(service_.request_ids[0], service_.request_ids[1]);
}

TEST_F(GrpcCoordinatorClientTest, OtherErrorsAreNotRetried) {
  service_.failures = {grpc::Status(grpc::StatusCode::NOT_FOUND, "there is no job jobs/9")};
  EXPECT_THAT(client_->GetJob("jobs/9"), StatusIs(absl::StatusCode::kNotFound, "there is no job jobs/9"));
  EXPECT_EQ(service_.get_calls, 1);
}

TEST_F(GrpcCoordinatorClientTest, WhatIsNotIdempotentIsSentOnce) {
  service_.failures = {Unavailable()};
  EXPECT_THAT(client_->ResumeJob("jobs/1"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(service_.resume_calls, 1);
}

TEST_F(GrpcCoordinatorClientTest, GivesUpInTheEndAndNamesTheAddress) {
  server_->Shutdown();
  EXPECT_THAT(client_->GetJob("jobs/1"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address_)));
  absl::Duration waited;
  for (const absl::Duration wait : waits_) waited += wait;
  EXPECT_GT(waited, absl::Seconds(20));
  EXPECT_LE(waited, absl::Seconds(30));
}

TEST_F(GrpcCoordinatorClientTest, ACutStreamGoesOnAtItsCursor) {
  std::vector<int64_t> steps;
  ASSERT_OK_AND_ASSIGN(
      const v1::Terminal terminal,
      client_->StreamMetrics(v1::StreamMetricsRequest(), [&](const v1::StreamMetricsResponse& record) {
        for (const v1::MetricPoint& point : record.points()) steps.push_back(point.step());
        return true;
      }));
  EXPECT_EQ(terminal.state(), v1::Job::SUCCEEDED);
  EXPECT_THAT(steps, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(service_.opened_at, ElementsAre(0, 2, 4));
}

TEST_F(GrpcCoordinatorClientTest, ACallbackMayEndAStream) {
  int records = 0;
  ASSERT_OK_AND_ASSIGN(
      const v1::Terminal terminal,
      client_->StreamMetrics(v1::StreamMetricsRequest(),
                             [&](const v1::StreamMetricsResponse&) { return ++records < 2; }));
  EXPECT_EQ(terminal.state(), v1::Job::STATE_UNSPECIFIED);
  EXPECT_EQ(records, 2);
}

TEST_F(GrpcCoordinatorClientTest, AWatchGoesOnAfterTheLastRevisionAndRepeatsNone) {
  std::vector<int64_t> revisions;
  ASSERT_OK_AND_ASSIGN(const v1::Terminal terminal,
                       client_->WatchJob(v1::WatchJobRequest(), [&](const v1::Job& job) {
                         revisions.push_back(job.revision());
                         return true;
                       }));
  EXPECT_EQ(terminal.state(), v1::Job::FAILED);
  EXPECT_THAT(revisions, ElementsAre(7, 9));
  EXPECT_THAT(service_.opened_at, ElementsAre(0, 7));
}

TEST_F(GrpcCoordinatorClientTest, ACutDownloadGoesOnAtItsOffset) {
  std::string bytes;
  ASSERT_OK_AND_ASSIGN(const int64_t count,
                       client_->DownloadArtifact("jobs/1", "log.txt", {}, [&](absl::string_view piece) {
                         bytes.append(piece.data(), piece.size());
                         return absl::OkStatus();
                       }));
  EXPECT_EQ(count, 16);
  EXPECT_EQ(bytes, service_.file);
  EXPECT_THAT(service_.opened_at, ElementsAre(0, 8));
}

TEST_F(GrpcCoordinatorClientTest, ADownloadGoesOnWhereAnEarlierOneEnded) {
  CoordinatorClient::FileStart start;
  start.bytes = 12;
  start.digest.Update(absl::string_view(service_.file).substr(0, 12));
  std::string bytes;
  const auto keep = [&](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  };
  ASSERT_OK_AND_ASSIGN(const int64_t count, client_->DownloadArtifact("jobs/1", "log.txt", start, keep));
  EXPECT_EQ(count, 16);
  EXPECT_EQ(bytes, "cdef");
  start.digest = Sha256();
  start.digest.Update("another file");
  EXPECT_THAT(client_->DownloadArtifact("jobs/1", "log.txt", start, keep),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(GrpcCoordinatorClientTest, ADamagedDownloadIsNoticed) {
  service_.claimed_digest = Sha256Hex("another file");
  EXPECT_THAT(
      client_->DownloadArtifact("jobs/1", "log.txt", {}, [](absl::string_view) { return absl::OkStatus(); }),
      StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(GrpcCoordinatorClientTest, AFullDiskEndsADownload) {
  EXPECT_THAT(
      client_->DownloadArtifact("jobs/1", "log.txt", {},
                                [](absl::string_view) { return absl::ResourceExhaustedError("disk full"); }),
      StatusIs(absl::StatusCode::kResourceExhausted, "disk full"));
}

}  // namespace
}  // namespace pretext
