#ifndef PRETEXT_PROTO_CPP_CLOCK_H_
#define PRETEXT_PROTO_CPP_CLOCK_H_

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace pretext {

// The only way to learn the time or to wait for it. Safe for use from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() = 0;

  // Waits until `condition` holds or `deadline` has come, with `mutex` released meanwhile. Returns whether
  // the condition holds. REQUIRES: the caller holds `mutex`.
  virtual bool AwaitUntil(absl::Mutex* mutex, const absl::Condition& condition, absl::Time deadline) = 0;
};

// The machine's clock. Never deleted.
Clock* RealClock();

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_CLOCK_H_
