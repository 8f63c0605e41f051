#include "worker/session/rendezvous.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "absl/synchronization/mutex.h"
#include "proto/cpp/grpc_deadline.h"
#include "proto/cpp/grpc_status.h"

namespace pretext {

Rendezvous::Rendezvous(RendezvousOptions options, std::unique_ptr<v1::WorkerService::StubInterface> stub,
                       Clock* clock)
    : options_(std::move(options)), stub_(std::move(stub)), clock_(clock) {}

bool Rendezvous::WaitToRepeat(const absl::Status& status, Backoff* backoff) const {
  if (absl::IsNotFound(status)) {
    backoff->Reset();
  } else if (!absl::IsUnavailable(status) && !absl::IsDeadlineExceeded(status)) {
    return false;
  }
  // Also when the answer was NOT_FOUND, which the coordinator need not have held back.
  absl::Mutex mutex;
  absl::MutexLock lock(&mutex);
  const bool never = false;
  clock_->AwaitUntil(&mutex, absl::Condition(&never), clock_->Now() + backoff->Next());
  return true;
}

absl::Status Rendezvous::Publish(const std::string& address) {
  v1::PublishRendezvousRequest request;
  request.set_job(options_.job);
  request.set_attempt(options_.attempt);
  request.set_address(address);
  Backoff backoff(options_.retry, options_.rank);
  while (true) {
    grpc::ClientContext context;
    SetDeadline(&context, options_.answer_time);
    v1::PublishRendezvousResponse response;
    const absl::Status status = FromGrpcStatus(stub_->PublishRendezvous(&context, request, &response));
    // NOT_FOUND is final here.
    if (status.ok() || absl::IsNotFound(status) || !WaitToRepeat(status, &backoff)) return status;
  }
}

absl::StatusOr<std::string> Rendezvous::Find() {
  v1::GetRendezvousRequest request;
  request.set_job(options_.job);
  request.set_attempt(options_.attempt);
  request.set_rank(options_.rank);
  request.mutable_wait()->set_seconds(absl::ToInt64Seconds(options_.wait));
  Backoff backoff(options_.retry, options_.rank);
  while (true) {
    grpc::ClientContext context;
    SetDeadline(&context, options_.wait + options_.answer_time);
    v1::GetRendezvousResponse response;
    const absl::Status status = FromGrpcStatus(stub_->GetRendezvous(&context, request, &response));
    if (status.ok()) return response.address();
    if (!WaitToRepeat(status, &backoff)) return status;
  }
}

}  // namespace pretext
