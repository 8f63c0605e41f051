#include "worker/train/starvation_watch.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

constexpr double kWindowSeconds = 30;
constexpr double kStarvedShare = 0.4;
constexpr int kStarvedWindows = 2;

}  // namespace

absl::optional<v1::Alarm> StarvationWatch::Look(const StepReading& reading, double seconds) {
  waited_ += reading.value("data_wait_seconds");
  passed_ += seconds;
  if (passed_ < kWindowSeconds) return absl::nullopt;
  const double share = std::min(1.0, waited_ / passed_);
  waited_ = passed_ = 0;
  starved_windows_ = share > kStarvedShare ? starved_windows_ + 1 : 0;
  if (starved_windows_ < kStarvedWindows) return absl::nullopt;
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::STARVATION);
  alarm.set_text(absl::StrFormat("training waits for pictures %.0f %% of the time, for a minute and longer",
                                 100 * share));
  alarm.set_advice(
      absl::StrFormat("Raise resources.data_threads (now %d a rank) while the machine has idle cores; raise "
                      "data.cache_bytes until "
                      "all decoded pictures fit into memory; store pictures no larger than they are trained "
                      "on, and on a local disk",
                      data_threads_));
  return alarm;
}

}  // namespace pretext
