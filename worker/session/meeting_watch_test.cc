#include "worker/session/meeting_watch.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

TEST(MeetingWatchTest, NoticesAStopOnce) {
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  absl::Notification noticed;
  MeetingWatch watch([&] { return stop.load(); },
                     [&] {
                       ++calls;
                       noticed.Notify();
                     },
                     RealClock());
  stop = true;
  noticed.WaitForNotification();
  EXPECT_EQ(calls, 1);
}

TEST(MeetingWatchTest, LeavesAStopAfterTheMeetingToOthers) {
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  {
    MeetingWatch watch([&] { return stop.load(); }, [&] { ++calls; }, RealClock());
  }
  stop = true;
  EXPECT_EQ(calls, 0);
}

TEST(MeetingWatchTest, WaitsForWhatItHasBegun) {
  std::atomic<bool> done{false};
  absl::Notification begun;
  {
    MeetingWatch watch([] { return true; },
                       [&] {
                         begun.Notify();
                         std::this_thread::yield();
                         done = true;
                       },
                       RealClock());
    begun.WaitForNotification();
  }
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace pretext
