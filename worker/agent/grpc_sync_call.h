#ifndef PRETEXT_WORKER_AGENT_GRPC_SYNC_CALL_H_
#define PRETEXT_WORKER_AGENT_GRPC_SYNC_CALL_H_

#include <memory>
#include <string>

#include "worker/agent/sync_call.h"

namespace pretext {

// `address` is the coordinator's for workers, "host:port" or "unix:PATH". Starts gRPC's threads. The call
// must be done when it is destroyed.
std::unique_ptr<SyncCall> MakeGrpcSyncCall(const std::string& address);

}  // namespace pretext

#endif  // PRETEXT_WORKER_AGENT_GRPC_SYNC_CALL_H_
