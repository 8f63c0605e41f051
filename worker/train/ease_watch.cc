#include "worker/train/ease_watch.h"

#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace pretext {
namespace {

constexpr double kSolved = 0.95;  // accuracy
constexpr double kSmoothing = 0.9;
constexpr double kEarly = 0.1;  // share of a stage
constexpr int64_t kFewestSteps = 50;

constexpr char kAdvice[] =
    "Look for a shortcut: edges that go on between tiles or patches (raise gap and jitter), colour fringes "
    "(colour "
    "drop, grey copies), borders and marks that all pictures share (crop them away). Stronger augmentation "
    "makes the "
    "task harder. Judge by a probe on labels, not by the task's accuracy";

}  // namespace

std::vector<v1::Alarm> EaseWatch::Look(const StepReading& reading) {
  std::vector<v1::Alarm> alarms;
  if (static_cast<double>(reading.step) > kEarly * static_cast<double>(steps_)) return alarms;
  for (const auto& [name, value] : reading.values) {
    absl::string_view task = name;
    if (name == "train_accuracy" || !absl::ConsumeSuffix(&task, "_accuracy")) continue;
    const auto [smoothed, is_new] = accuracy_.emplace(name, value);
    if (!is_new) smoothed->second = kSmoothing * smoothed->second + (1 - kSmoothing) * value;
    if (!(smoothed->second > kSolved) || reading.step < kFewestSteps) continue;
    v1::Alarm alarm;
    alarm.set_kind(v1::Alarm::SHORTCUT);
    alarm.set_task(std::string(task));
    alarm.set_text(absl::StrFormat("%s is %.3f in the first tenth of the stage, too good too early", name,
                                   smoothed->second));
    alarm.set_advice(kAdvice);
    alarms.push_back(std::move(alarm));
  }
  return alarms;
}

}  // namespace pretext
