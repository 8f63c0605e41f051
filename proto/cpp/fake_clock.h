#ifndef PRETEXT_PROTO_CPP_FAKE_CLOCK_H_
#define PRETEXT_PROTO_CPP_FAKE_CLOCK_H_

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "proto/cpp/clock.h"

namespace pretext {

// A clock that stands still until a test moves it. Waiters wake when the time they wait for is reached.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mutex_);
    return now_;
  }

  // The real time passes while it waits for `condition`, in slices, so that Advance() is noticed.
  bool AwaitUntil(absl::Mutex* mutex, const absl::Condition& condition, absl::Time deadline) override {
    while (Now() < deadline) {
      if (mutex->AwaitWithTimeout(condition, absl::Milliseconds(1))) return true;
    }
    return condition.Eval();
  }

  void Advance(absl::Duration duration) {
    absl::MutexLock lock(&mutex_);
    now_ += duration;
  }

 private:
  absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pretext

#endif  // PRETEXT_PROTO_CPP_FAKE_CLOCK_H_
