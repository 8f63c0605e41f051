#ifndef PRETEXT_WORKER_SESSION_RENDEZVOUS_H_
#define PRETEXT_WORKER_SESSION_RENDEZVOUS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pretext/v1/worker_service.grpc.pb.h"
#include "proto/cpp/clock.h"
#include "proto/cpp/retry_policy.h"

namespace pretext {

struct RendezvousOptions {
  std::string job;  // jobs/{id}
  int32_t attempt = 1;
  int32_t rank = 0;
  // How long the coordinator may hold a call, and how much longer its answer may take.
  absl::Duration wait = absl::Seconds(20);
  absl::Duration answer_time = absl::Seconds(10);
  RetryPolicy retry = {absl::Milliseconds(50), 1.6, absl::Seconds(1), 0.2, absl::InfiniteDuration()};
};

// Where a gang meets, told and learnt through the coordinator. Both methods call on without limit while the
// coordinator does not answer: it ends ranks that it no longer wants. One thread.
//   ABORTED  the attempt is over
// and whatever else the coordinator answers with that another call would not change.
class Rendezvous {
 public:
  // `clock` outlives it.
  Rendezvous(RendezvousOptions options, std::unique_ptr<v1::WorkerService::StubInterface> stub, Clock* clock);

  // Rank 0: the gang meets at `address`, "host:port".
  absl::Status Publish(const std::string& address);
  // The other ranks: waits until rank 0 has said where.
  absl::StatusOr<std::string> Find();

 private:
  // After a call ended with `status`: waits and returns true when it is to be made again.
  bool WaitToRepeat(const absl::Status& status, Backoff* backoff) const;

  const RendezvousOptions options_;
  const std::unique_ptr<v1::WorkerService::StubInterface> stub_;
  Clock* const clock_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_RENDEZVOUS_H_
