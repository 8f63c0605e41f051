#include "worker/session/meeting_watch.h"

#include <utility>

#include "absl/time/time.h"

namespace pretext {
namespace {

constexpr absl::Duration kPeriod = absl::Milliseconds(50);

}  // namespace

MeetingWatch::MeetingWatch(std::function<bool()> stop_requested, std::function<void()> on_stop, Clock* clock)
    : stop_requested_(std::move(stop_requested)),
      on_stop_(std::move(on_stop)),
      clock_(clock),
      thread_([this] { Run(); }) {}

MeetingWatch::~MeetingWatch() {
  {
    absl::MutexLock lock(&mutex_);
    over_ = true;
  }
  thread_.join();
}

void MeetingWatch::Run() {
  absl::MutexLock lock(&mutex_);
  while (!clock_->AwaitUntil(&mutex_, absl::Condition(&over_), clock_->Now() + kPeriod)) {
    if (!stop_requested_()) continue;
    on_stop_();
    return;
  }
}

}  // namespace pretext
