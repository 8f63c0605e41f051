#ifndef PRETEXT_CLIENT_COORDINATOR_CLIENT_COORDINATOR_CLIENT_H_
#define PRETEXT_CLIENT_COORDINATOR_CLIENT_COORDINATOR_CLIENT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pretext/v1/cluster_service.pb.h"
#include "pretext/v1/job_service.pb.h"
#include "proto/cpp/sha256.h"

namespace pretext {

// A coordinator as its users see it. Errors are those the contract documents for each method, with their
// details (proto/cpp/error_details.h); UNAVAILABLE means that it stayed away for as long as the client is
// willing to try. Thread-safe. Callers block.
class CoordinatorClient {
 public:
  virtual ~CoordinatorClient() = default;

  // Repeated until it is known to have happened once; an empty request_id is replaced by a fresh UUID.
  virtual absl::StatusOr<v1::Job> CreateJob(v1::CreateJobRequest request) = 0;
  virtual absl::StatusOr<v1::Job> GetJob(const std::string& name) = 0;
  virtual absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request) = 0;
  virtual absl::StatusOr<v1::Job> CancelJob(const std::string& name, const std::string& reason) = 0;
  virtual absl::StatusOr<v1::Job> PauseJob(const std::string& name) = 0;
  // These three are sent once: when the answer is lost, nobody knows whether they happened; ask GetJob.
  virtual absl::StatusOr<v1::Job> ResumeJob(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Job> RestartJob(const std::string& name, bool from_start) = 0;
  virtual absl::Status DeleteJob(const std::string& name) = 0;

  // Streams. Each record is handed over once and in order, however often the connection breaks: a broken
  // stream is opened again where it ended. They return at the terminal record, or with an unset one when the
  // callback answers false.
  using OnJob = std::function<bool(const v1::Job& job)>;
  virtual absl::StatusOr<v1::Terminal> WatchJob(const v1::WatchJobRequest& request, const OnJob& on_job) = 0;
  using OnMetrics = std::function<bool(const v1::StreamMetricsResponse& points)>;
  virtual absl::StatusOr<v1::Terminal> StreamMetrics(const v1::StreamMetricsRequest& request,
                                                     const OnMetrics& on_points) = 0;
  using OnLogs = std::function<bool(const v1::TailLogsResponse& lines)>;
  virtual absl::StatusOr<v1::Terminal> TailLogs(const v1::TailLogsRequest& request,
                                                const OnLogs& on_lines) = 0;

  virtual absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(const std::string& name) = 0;
  virtual absl::StatusOr<v1::ListArtifactsResponse> ListArtifacts(const std::string& name) = 0;
  // Hands over the file's bytes that follow those which are there already, in order, each once; `write` may
  // fail, which ends the download. DATA_LOSS when all together is not what the coordinator holds,
  // OUT_OF_RANGE when more is there than that. Returns the number of bytes of the file.
  struct FileStart {
    int64_t bytes = 0;  // from an earlier download
    Sha256 digest;      // of those
  };
  using Write = std::function<absl::Status(absl::string_view bytes)>;
  virtual absl::StatusOr<int64_t> DownloadArtifact(const std::string& name, const std::string& path,
                                                   FileStart start, const Write& write) = 0;

  virtual absl::StatusOr<v1::ListNodesResponse> ListNodes() = 0;
  virtual absl::StatusOr<v1::Node> DrainNode(const std::string& name) = 0;
  virtual absl::StatusOr<v1::Node> UndrainNode(const std::string& name) = 0;
  virtual absl::StatusOr<v1::GetVersionResponse> GetVersion() = 0;
};

}  // namespace pretext

#endif  // PRETEXT_CLIENT_COORDINATOR_CLIENT_COORDINATOR_CLIENT_H_
