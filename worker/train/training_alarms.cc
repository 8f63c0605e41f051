#include "worker/train/training_alarms.h"

#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace pretext {
namespace {

constexpr int64_t kPatience = 200;         // steps in a row before an alarm
constexpr double kCollapsedSpread = 0.01;  // of the features, of which 1 is the most
constexpr double kAtChance = 0.001;        // distance from the chance loss, relative
constexpr double kSolved = 0.95;           // accuracy
constexpr double kSmoothing = 0.9;
constexpr double kEarly = 0.1;  // share of a stage
constexpr absl::string_view kAccuracySuffix = "_accuracy";

}  // namespace

TrainingAlarms::TrainingAlarms(int64_t steps, const NamedNumbers& chance) : steps_(steps) {
  for (const auto& [name, value] : chance) {
    chance_[name == "chance_loss" ? "loss" : absl::StrCat(absl::StripSuffix(name, "_chance_loss"), "_loss")] =
        value;
  }
}

std::vector<std::string> TrainingAlarms::Look(const StepReading& reading) {
  std::vector<std::string> alarms;
  LookForCollapse(reading, &alarms);
  LookForChance(reading, &alarms);
  LookForEase(reading, &alarms);
  return alarms;
}

void TrainingAlarms::LookForCollapse(const StepReading& reading, std::vector<std::string>* alarms) {
  for (const auto& [name, spread] : reading.values) {
    if (name != "feature_spread") continue;
    collapsed_steps_ = spread < kCollapsedSpread ? collapsed_steps_ + 1 : 0;
    if (collapsed_steps_ < kPatience || !raised_.insert(name).second) return;
    alarms->push_back(absl::StrFormat(
        "collapse suspected at step %d: for %d steps the features of all pictures have been nearly the same "
        "(feature_spread %.4f; 0 is one point, 1 all directions). Lower the learning rate, use a larger "
        "batch "
        "or stronger augmentation",
        reading.step, kPatience, spread));
  }
}

void TrainingAlarms::LookForChance(const StepReading& reading, std::vector<std::string>* alarms) {
  for (const auto& [name, value] : reading.values) {
    const auto chance = chance_.find(name);
    if (chance == chance_.end()) continue;
    int64_t& steps = chance_steps_[name];
    steps = std::abs(value - chance->second) <= kAtChance * chance->second ? steps + 1 : 0;
    if (steps < kPatience || !raised_.insert(name).second) continue;
    alarms->push_back(absl::StrFormat(
        "not learning at step %d: %s has been %.4f for %d steps, which is what a network that knows nothing "
        "has. Try another learning rate first; a task may also be too hard for these pictures",
        reading.step, name, value, kPatience));
  }
}

void TrainingAlarms::LookForEase(const StepReading& reading, std::vector<std::string>* alarms) {
  if (static_cast<double>(reading.step) > kEarly * static_cast<double>(steps_)) return;
  for (const auto& [name, value] : reading.values) {
    if (!absl::EndsWith(name, kAccuracySuffix) || name == "train_accuracy") continue;
    const auto [smoothed, is_new] = accuracy_.emplace(name, value);
    if (!is_new) smoothed->second = kSmoothing * smoothed->second + (1 - kSmoothing) * value;
    if (smoothed->second <= kSolved || reading.step < kPatience || !raised_.insert(name).second) continue;
    alarms->push_back(absl::StrFormat(
        "too easy at step %d: %s is %.3f in the first tenth of the stage. The task may be solved by a "
        "shortcut, such as edges or colour fringes; stronger augmentation makes it harder",
        reading.step, name, smoothed->second));
  }
}

}  // namespace pretext
