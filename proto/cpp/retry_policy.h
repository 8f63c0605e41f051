#ifndef PRETEXT_PROTO_CPP_RETRY_POLICY_H_
#define PRETEXT_PROTO_CPP_RETRY_POLICY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace pretext {

// How long to wait between tries of a call that may be repeated.
struct RetryPolicy {
  absl::Duration first_delay = absl::Milliseconds(100);
  double factor = 1.6;  // each delay is so many times the one before
  absl::Duration longest_delay = absl::Seconds(5);
  double jitter = 0.2;  // each delay is drawn from delay * [1 - jitter, 1 + jitter]
  absl::Duration give_up_after = absl::Seconds(30);  // in all, since the first failure
};

// The delays of one call, a pure function of policy and seed. Thread-compatible.
class Backoff {
 public:
  Backoff(const RetryPolicy& policy, uint64_t seed) : policy_(policy), state_(seed) {}

  // How long to wait before the next try.
  absl::Duration Next();

  // After a success: the next failure waits the first delay again.
  void Reset() { failures_ = 0; }

 private:
  RetryPolicy policy_;
  uint64_t state_;
  int failures_ = 0;
};

// Whether the same call may succeed when it is simply made again: UNAVAILABLE alone.
bool IsRetryable(const absl::Status& status);

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_RETRY_POLICY_H_
