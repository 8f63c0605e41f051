#include "client/coordinator_client/grpc_coordinator_client.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "pretext/v1/cluster_service.grpc.pb.h"
#include "pretext/v1/job_service.grpc.pb.h"
#include "proto/cpp/error_details.h"
#include "proto/cpp/grpc_channel.h"
#include "proto/cpp/grpc_deadline.h"
#include "proto/cpp/grpc_status.h"
#include "proto/cpp/sha256.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/uuid.h"

namespace pretext {
namespace {

// Whether making a call twice does what making it once does.
enum class Repeat { kSafe, kUnsafe };

// Tries of one call or stream: how long to wait before the next, and when to give up.
class Retries {
 public:
  Retries(const GrpcClientOptions& options, uint64_t serial)
      : options_(options), backoff_(options.retry, options.seed + serial) {}

  // After a failure: waits and returns true when another try is due.
  bool WaitForNext(const absl::Status& status) {
    if (!IsRetryable(status)) return false;
    const absl::Duration delay = backoff_.Next();
    if (waited_ + delay > options_.retry.give_up_after) return false;
    waited_ += delay;
    options_.wait(delay, status);
    return true;
  }

  void Reset() {
    backoff_.Reset();
    waited_ = absl::ZeroDuration();
  }

 private:
  const GrpcClientOptions& options_;
  Backoff backoff_;
  absl::Duration waited_;
};

class GrpcCoordinatorClient final : public CoordinatorClient {
 public:
  explicit GrpcCoordinatorClient(GrpcClientOptions options)
      : options_(std::move(options)),
        channel_(MakeGrpcChannel(options_.address)),
        jobs_(v1::JobService::NewStub(channel_)),
        cluster_(v1::ClusterService::NewStub(channel_)) {}

  absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request) override {
    if (request.request_id().empty()) request.set_request_id(MakeUuid());
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::CreateJob, request, Repeat::kSafe);
  }
  absl::StatusOr<v1::Job> GetJob(const std::string& name) override {
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::GetJob, Named<v1::GetJobRequest>(name),
                         Repeat::kSafe);
  }
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) override {
    return Call<v1::ListJobsResponse>(*jobs_, &v1::JobService::Stub::ListJobs, request, Repeat::kSafe);
  }
  absl::StatusOr<v1::Job> CancelJob(const std::string& name, const std::string& reason) override {
    v1::CancelJobRequest request = Named<v1::CancelJobRequest>(name);
    request.set_reason(reason);
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::CancelJob, request, Repeat::kSafe);
  }
  absl::StatusOr<v1::Job> PauseJob(const std::string& name) override {
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::PauseJob, Named<v1::PauseJobRequest>(name),
                         Repeat::kSafe);
  }
  absl::StatusOr<v1::Job> ResumeJob(const std::string& name) override {
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::ResumeJob, Named<v1::ResumeJobRequest>(name),
                         Repeat::kUnsafe);
  }
  absl::StatusOr<v1::Job> RestartJob(const std::string& name, bool from_start) override {
    v1::RestartJobRequest request = Named<v1::RestartJobRequest>(name);
    request.set_from_start(from_start);
    return Call<v1::Job>(*jobs_, &v1::JobService::Stub::RestartJob, request, Repeat::kUnsafe);
  }
  absl::Status DeleteJob(const std::string& name) override {
    return Call<v1::DeleteJobResponse>(*jobs_, &v1::JobService::Stub::DeleteJob,
                                       Named<v1::DeleteJobRequest>(name), Repeat::kUnsafe)
        .status();
  }

  absl::StatusOr<v1::Terminal> WatchJob(const v1::WatchJobRequest& first, const OnJob& on_job) override {
    return Follow<v1::WatchJobResponse>(first, &v1::JobService::Stub::WatchJob,
                                        [&](const v1::WatchJobResponse& record, v1::WatchJobRequest& next) {
                                          if (record.has_terminal()) return Verdict::kEnd;
                                          if (record.job().revision() <= next.after_revision())
                                            return Verdict::kGoOn;
                                          next.set_after_revision(record.job().revision());
                                          return on_job(record.job()) ? Verdict::kGoOn : Verdict::kStop;
                                        });
  }
  absl::StatusOr<v1::Terminal> StreamMetrics(const v1::StreamMetricsRequest& first,
                                             const OnMetrics& on_points) override {
    return Follow<v1::StreamMetricsResponse>(
        first, &v1::JobService::Stub::StreamMetrics,
        [&](const v1::StreamMetricsResponse& record, v1::StreamMetricsRequest& next) {
          if (record.cursor() > next.cursor()) next.set_cursor(record.cursor());
          if (record.points_size() > 0 && !on_points(record)) return Verdict::kStop;
          return record.has_terminal() ? Verdict::kEnd : Verdict::kGoOn;
        });
  }
  absl::StatusOr<v1::Terminal> TailLogs(const v1::TailLogsRequest& first, const OnLogs& on_lines) override {
    return Follow<v1::TailLogsResponse>(first, &v1::JobService::Stub::TailLogs,
                                        [&](const v1::TailLogsResponse& record, v1::TailLogsRequest& next) {
                                          if (record.cursor() > next.cursor())
                                            next.set_cursor(record.cursor());
                                          if (record.lines_size() > 0 && !on_lines(record))
                                            return Verdict::kStop;
                                          return record.has_terminal() ? Verdict::kEnd : Verdict::kGoOn;
                                        });
  }

  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(const std::string& name) override {
    return Call<v1::ListCheckpointsResponse>(*jobs_, &v1::JobService::Stub::ListCheckpoints,
                                             Named<v1::ListCheckpointsRequest>(name), Repeat::kSafe);
  }
  absl::StatusOr<v1::ListArtifactsResponse> ListArtifacts(const std::string& name) override {
    return Call<v1::ListArtifactsResponse>(*jobs_, &v1::JobService::Stub::ListArtifacts,
                                           Named<v1::ListArtifactsRequest>(name), Repeat::kSafe);
  }
  absl::StatusOr<int64_t> DownloadArtifact(const std::string& name, const std::string& path, FileStart start,
                                           const Write& write) override;

  absl::StatusOr<v1::ListNodesResponse> ListNodes() override {
    return Call<v1::ListNodesResponse>(*cluster_, &v1::ClusterService::Stub::ListNodes,
                                       v1::ListNodesRequest(), Repeat::kSafe);
  }
  absl::StatusOr<v1::Node> DrainNode(const std::string& name) override {
    return Call<v1::Node>(*cluster_, &v1::ClusterService::Stub::DrainNode, Named<v1::DrainNodeRequest>(name),
                          Repeat::kSafe);
  }
  absl::StatusOr<v1::Node> UndrainNode(const std::string& name) override {
    return Call<v1::Node>(*cluster_, &v1::ClusterService::Stub::UndrainNode,
                          Named<v1::UndrainNodeRequest>(name), Repeat::kUnsafe);
  }
  absl::StatusOr<v1::GetVersionResponse> GetVersion() override {
    return Call<v1::GetVersionResponse>(*cluster_, &v1::ClusterService::Stub::GetVersion,
                                        v1::GetVersionRequest(), Repeat::kSafe);
  }

 private:
  template <typename Request>
  static Request Named(const std::string& name) {
    Request request;
    request.set_name(name);
    return request;
  }

  uint64_t NextSerial() {
    absl::MutexLock lock(&mutex_);
    return serial_++;
  }

  // Says who did not answer; errors with a reason are the coordinator's own words.
  absl::Status Explain(const absl::Status& status) const {
    if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) return status;
    if (!GetReason(status).empty()) return status;
    return absl::Status(status.code(), absl::StrCat("the coordinator at ", options_.address,
                                                    " does not answer: ", status.message()));
  }

  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Call(Stub& stub, Method method, const Request& request, Repeat repeat) {
    Retries retries(options_, NextSerial());
    while (true) {
      grpc::ClientContext context;
      SetDeadline(&context, options_.call_timeout);
      Response response;
      const absl::Status status = FromGrpcStatus((stub.*method)(&context, request, &response));
      if (status.ok()) return response;
      if (repeat == Repeat::kUnsafe || !retries.WaitForNext(status)) return Explain(status);
    }
  }

  enum class Verdict { kGoOn, kEnd, kStop };

  // Reads a stream to its terminal record. `take` moves the cursor in `next`, which opens the stream again.
  template <typename Response, typename Request, typename Method, typename Take>
  absl::StatusOr<v1::Terminal> Follow(Request next, Method method, const Take& take) {
    Retries retries(options_, NextSerial());
    while (true) {
      grpc::ClientContext context;
      auto reader = (jobs_.get()->*method)(&context, next);
      Response record;
      while (reader->Read(&record)) {
        retries.Reset();
        const Verdict verdict = take(record, next);
        if (verdict == Verdict::kEnd) return record.terminal();
        if (verdict == Verdict::kStop) {
          context.TryCancel();
          return v1::Terminal();
        }
      }
      absl::Status status = FromGrpcStatus(reader->Finish());
      if (status.ok()) status = absl::UnavailableError("the stream ended before its end");
      if (!retries.WaitForNext(status)) return Explain(status);
    }
  }

  const GrpcClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::JobService::Stub> jobs_;
  const std::unique_ptr<v1::ClusterService::Stub> cluster_;
  absl::Mutex mutex_;
  uint64_t serial_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<int64_t> GrpcCoordinatorClient::DownloadArtifact(const std::string& name,
                                                                const std::string& path, FileStart start,
                                                                const Write& write) {
  Retries retries(options_, NextSerial());
  v1::DownloadArtifactRequest request = Named<v1::DownloadArtifactRequest>(name);
  request.set_path(path);
  Sha256 digest = std::move(start.digest);
  int64_t received = start.bytes;
  while (true) {
    request.set_offset(received);
    grpc::ClientContext context;
    const auto reader = jobs_->DownloadArtifact(&context, request);
    v1::DownloadArtifactResponse piece;
    while (reader->Read(&piece)) {
      retries.Reset();
      if (piece.has_done()) {
        if (piece.done().bytes() == received && piece.done().sha256() == digest.HexDigest()) return received;
        return absl::DataLossError(absl::StrCat(
            path, " of ", name, " changed or was damaged on its way: ", received, " bytes came, ",
            piece.done().bytes(), " are there, or their SHA-256 differs; download it again"));
      }
      if (piece.data().empty()) continue;
      absl::Status status =
          piece.offset() == received
              ? write(piece.data())
              : absl::InternalError(absl::StrCat("bytes from ", piece.offset(), " of ", path, " came when ",
                                                 received, " was due"));
      if (!status.ok()) {
        context.TryCancel();
        return status;
      }
      digest.Update(piece.data());
      received += static_cast<int64_t>(piece.data().size());
    }
    absl::Status status = FromGrpcStatus(reader->Finish());
    if (status.ok()) status = absl::UnavailableError("the download ended before its end");
    if (!retries.WaitForNext(status)) return Explain(status);
  }
}

}  // namespace

std::unique_ptr<CoordinatorClient> MakeGrpcCoordinatorClient(GrpcClientOptions options) {
  return std::make_unique<GrpcCoordinatorClient>(std::move(options));
}

}  // namespace pretext
