#include "proto/cpp/signal_thread.h"

#include <signal.h>
#include <unistd.h>

#include <vector>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pretext {
namespace {

using ::testing::ElementsAre;

TEST(SignalThreadTest, CallsBackForEachSignalAndEndsWhenDestroyed) {
  BlockSignals({SIGTERM, SIGUSR1});
  absl::Mutex mutex;
  std::vector<int> met;
  {
    SignalThread signals({SIGTERM, SIGUSR1}, [&](int signal) {
      absl::MutexLock lock(&mutex);
      met.push_back(signal);
    });
    for (int signal : {SIGTERM, SIGUSR1, SIGTERM}) {
      absl::MutexLock lock(&mutex);
      const size_t before = met.size();
      kill(getpid(), signal);
      auto came = [&] { return met.size() > before; };
      mutex.Await(absl::Condition(&came));
    }
  }
  EXPECT_THAT(met, ElementsAre(SIGTERM, SIGUSR1, SIGTERM));
}

TEST(SignalThreadTest, MeetsASignalThatCameBeforeIt) {
  BlockSignals({SIGTERM});
  kill(getpid(), SIGTERM);
  absl::Mutex mutex;
  bool met = false;
  SignalThread signals({SIGTERM}, [&](int) {
    absl::MutexLock lock(&mutex);
    met = true;
  });
  absl::MutexLock lock(&mutex);
  mutex.Await(absl::Condition(&met));
}

}  // namespace
}  // namespace pretext
