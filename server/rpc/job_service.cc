#include "server/rpc/job_service.h"

#include <utility>

#include "server/rpc/answer.h"
#include "server/rpc/artifacts.h"
#include "server/rpc/follow_stream.h"
#include "server/rpc/job_query.h"
#include "server/rpc/job_streams.h"

namespace pretext {

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;

Unary* JobServiceEdge::CreateJob(Context* context, const v1::CreateJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->CreateJob(*request), response);
}

Unary* JobServiceEdge::GetJob(Context* context, const v1::GetJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->GetJob(request->name()), response);
}

Unary* JobServiceEdge::ListJobs(Context* context, const v1::ListJobsRequest* request,
                                v1::ListJobsResponse* response) {
  return Answer(context, SelectJobs(coordinator_->ListJobs(), *request), response);
}

Unary* JobServiceEdge::CancelJob(Context* context, const v1::CancelJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->CancelJob(request->name(), request->reason()), response);
}

Unary* JobServiceEdge::PauseJob(Context* context, const v1::PauseJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->PauseJob(request->name()), response);
}

Unary* JobServiceEdge::ResumeJob(Context* context, const v1::ResumeJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->ResumeJob(request->name()), response);
}

Unary* JobServiceEdge::RestartJob(Context* context, const v1::RestartJobRequest* request, v1::Job* response) {
  return Answer(context, coordinator_->RestartJob(request->name(), request->from_start()), response);
}

Unary* JobServiceEdge::DeleteJob(Context* context, const v1::DeleteJobRequest* request,
                                 v1::DeleteJobResponse*) {
  return Answer(context, coordinator_->DeleteJob(request->name()));
}

Unary* JobServiceEdge::ListCheckpoints(Context* context, const v1::ListCheckpointsRequest* request,
                                       v1::ListCheckpointsResponse* response) {
  const absl::StatusOr<v1::Job> job = coordinator_->GetJob(request->name());
  if (!job.ok()) return Answer(context, job.status());
  absl::StatusOr<std::vector<v1::Checkpoint>> checkpoints = coordinator_->ListCheckpoints(request->name());
  if (!checkpoints.ok()) return Answer(context, checkpoints.status());
  for (v1::Checkpoint& checkpoint : *checkpoints) {
    if (WasRemoved(job->output(), checkpoint.path())) continue;
    *response->add_checkpoints() = std::move(checkpoint);
  }
  return Answer(context, absl::OkStatus());
}

Unary* JobServiceEdge::ListArtifacts(Context* context, const v1::ListArtifactsRequest* request,
                                     v1::ListArtifactsResponse* response) {
  const absl::StatusOr<v1::Job> job = coordinator_->GetJob(request->name());
  if (!job.ok()) return Answer(context, job.status());
  absl::StatusOr<std::vector<v1::Artifact>> artifacts = FindArtifacts(job->output());
  if (!artifacts.ok()) return Answer(context, artifacts.status());
  for (v1::Artifact& artifact : *artifacts) *response->add_artifacts() = std::move(artifact);
  return Answer(context, absl::OkStatus());
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobServiceEdge::WatchJob(Context*,
                                                                         const v1::WatchJobRequest* request) {
  return FollowStream<v1::WatchJobResponse>::Start(poller_, request->name() == "jobs/-"
                                                                ? WatchAllJobs(coordinator_, *request)
                                                                : WatchOneJob(coordinator_, *request));
}

grpc::ServerWriteReactor<v1::StreamMetricsResponse>* JobServiceEdge::StreamMetrics(
    Context*, const v1::StreamMetricsRequest* request) {
  return FollowStream<v1::StreamMetricsResponse>::Start(poller_,
                                                        FollowMetrics(coordinator_, telemetry_, *request));
}

grpc::ServerWriteReactor<v1::TailLogsResponse>* JobServiceEdge::TailLogs(Context*,
                                                                         const v1::TailLogsRequest* request) {
  return FollowStream<v1::TailLogsResponse>::Start(poller_, FollowLogs(coordinator_, telemetry_, *request));
}

grpc::ServerWriteReactor<v1::DownloadArtifactResponse>* JobServiceEdge::DownloadArtifact(
    Context*, const v1::DownloadArtifactRequest* request) {
  return FollowStream<v1::DownloadArtifactResponse>::Start(poller_, ReadArtifact(coordinator_, *request));
}

}  // namespace pretext
