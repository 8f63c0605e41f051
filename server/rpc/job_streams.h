#ifndef PRETEXT_SERVER_RPC_JOB_STREAMS_H_
#define PRETEXT_SERVER_RPC_JOB_STREAMS_H_

#include <functional>

#include "pretext/v1/job_service.pb.h"
#include "server/coordinator/coordinator.h"
#include "server/rpc/stream_step.h"
#include "server/store/telemetry_store.h"

namespace pretext {

// What the streams of JobService send, step by step, for FollowStream. Each function keeps the place it has
// reached, is called by one thread at a time, never blocks for longer than a read of the store, and ends with
// a terminal record or an error. Coordinator and store outlive them.
std::function<StreamStep<v1::WatchJobResponse>()> WatchOneJob(const Coordinator* coordinator,
                                                              const v1::WatchJobRequest& request);
// Never ends by itself.
std::function<StreamStep<v1::WatchJobResponse>()> WatchAllJobs(const Coordinator* coordinator,
                                                               const v1::WatchJobRequest& request);
std::function<StreamStep<v1::StreamMetricsResponse>()> FollowMetrics(const Coordinator* coordinator,
                                                                     TelemetryStore* telemetry,
                                                                     const v1::StreamMetricsRequest& request);
std::function<StreamStep<v1::TailLogsResponse>()> FollowLogs(const Coordinator* coordinator,
                                                             TelemetryStore* telemetry,
                                                             const v1::TailLogsRequest& request);
std::function<StreamStep<v1::DownloadArtifactResponse>()> ReadArtifact(
    const Coordinator* coordinator, const v1::DownloadArtifactRequest& request);

}  // namespace pretext

#endif  // PRETEXT_SERVER_RPC_JOB_STREAMS_H_
