#ifndef PRETEXT_SERVER_RPC_JOB_SERVICE_H_
#define PRETEXT_SERVER_RPC_JOB_SERVICE_H_

#include "pretext/v1/job_service.grpc.pb.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/change_poller.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// JobService over the coordinator. Every method either answers at once or is a stream that costs no thread
// while it waits. What it promises stands in job_service.proto.
class JobServiceEdge final : public v1::JobService::CallbackService {
 public:
  // All outlive it.
  JobServiceEdge(Coordinator* coordinator, TelemetryStore* telemetry, ChangePoller* poller)
      : coordinator_(coordinator), telemetry_(telemetry), poller_(poller) {}

  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context,
                                      const v1::CreateJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
                                   v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* PauseJob(grpc::CallbackServerContext* context, const v1::PauseJobRequest* request,
                                     v1::Job* response) override;
  grpc::ServerUnaryReactor* ResumeJob(grpc::CallbackServerContext* context,
                                      const v1::ResumeJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* RestartJob(grpc::CallbackServerContext* context,
                                       const v1::RestartJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* DeleteJob(grpc::CallbackServerContext* context,
                                      const v1::DeleteJobRequest* request,
                                      v1::DeleteJobResponse* response) override;
  grpc::ServerUnaryReactor* ListCheckpoints(grpc::CallbackServerContext* context,
                                            const v1::ListCheckpointsRequest* request,
                                            v1::ListCheckpointsResponse* response) override;
  grpc::ServerUnaryReactor* ListArtifacts(grpc::CallbackServerContext* context,
                                          const v1::ListArtifactsRequest* request,
                                          v1::ListArtifactsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchJobResponse>* WatchJob(grpc::CallbackServerContext* context,
                                                           const v1::WatchJobRequest* request) override;
  grpc::ServerWriteReactor<v1::StreamMetricsResponse>* StreamMetrics(
      grpc::CallbackServerContext* context, const v1::StreamMetricsRequest* request) override;
  grpc::ServerWriteReactor<v1::TailLogsResponse>* TailLogs(grpc::CallbackServerContext* context,
                                                           const v1::TailLogsRequest* request) override;
  grpc::ServerWriteReactor<v1::DownloadArtifactResponse>* DownloadArtifact(
      grpc::CallbackServerContext* context, const v1::DownloadArtifactRequest* request) override;

 private:
  Coordinator* const coordinator_;
  TelemetryStore* const telemetry_;
  ChangePoller* const poller_;
};

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_JOB_SERVICE_H_
