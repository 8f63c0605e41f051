#ifndef PRETEXT_WORKER_SESSION_MEETING_WATCH_H_
#define PRETEXT_WORKER_SESSION_MEETING_WATCH_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/cpp/clock.h"

namespace pretext {

// Exists while a rank meets the others of its gang. It then waits inside libraries that cannot be told to
// stop, perhaps for a rank that will never come because the whole gang is being stopped; and it has nothing
// to save yet. So whoever asks it to stop may end its process.
class MeetingWatch {
 public:
  // Asks `stop_requested` again and again, on a thread of its own, and calls `on_stop` once it holds.
  // `clock` outlives it.
  MeetingWatch(std::function<bool()> stop_requested, std::function<void()> on_stop, Clock* clock);
  // The meeting is over: `on_stop` is not called any more. Waits for it if it runs.
  ~MeetingWatch();

  MeetingWatch(const MeetingWatch&) = delete;
  MeetingWatch& operator=(const MeetingWatch&) = delete;

 private:
  void Run();

  const std::function<bool()> stop_requested_;
  const std::function<void()> on_stop_;
  Clock* const clock_;
  absl::Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_SESSION_MEETING_WATCH_H_
