#include "worker/train/collapse_watch.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace pretext {
namespace {

constexpr double kSame = 0.01;  // feature_spread, of which 1 is the most
constexpr int64_t kSameSteps = 100;
constexpr double kNarrow = 0.05;
constexpr int64_t kPlateauSteps = 50;

constexpr char kAdvice[] =
    "A collapsed network seldom recovers: cancel the job and start it anew with a learning rate three to ten "
    "times "
    "lower (optimizer.learning_rate), a weight decay near its default (optimizer.weight_decay) and views "
    "that "
    "differ (the task's augment: crops, colour jitter, blur); a larger batch helps too";

}  // namespace

std::string CollapseWatch::PlateauOf(const StepReading& reading) const {
  for (const auto& [name, value] : reading.values) {
    if (name != "loss" && !absl::EndsWith(name, "_loss")) continue;
    const auto chance = chance_.find(name);
    if (IsAt(value, -1) || IsAt(value, 0) || (chance != chance_.end() && IsAt(value, chance->second)))
      return name;
  }
  return "";
}

absl::optional<v1::Alarm> CollapseWatch::Look(const StepReading& reading) {
  const double* spread = FindNumber(reading.values, "feature_spread");
  if (spread == nullptr) return absl::nullopt;
  same_steps_ = *spread < kSame ? same_steps_ + 1 : 0;
  const std::string plateau = *spread < kNarrow ? PlateauOf(reading) : "";
  plateau_steps_ = plateau.empty() ? 0 : plateau_steps_ + 1;
  if (same_steps_ < kSameSteps && plateau_steps_ < kPlateauSteps) return absl::nullopt;

  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::COLLAPSE);
  std::string text = absl::StrFormat(
      "the features of all pictures have been nearly the same for %d steps (feature_spread %.4f; 0 is one "
      "point, 1 "
      "all directions)",
      std::max(same_steps_, plateau_steps_), *spread);
  if (!plateau.empty()) {
    absl::StrAppendFormat(&text, ", and %s stays at %.4f, as if the network said the same of everything",
                          plateau, reading.value(plateau));
  }
  alarm.set_text(text);
  alarm.set_advice(kAdvice);
  return alarm;
}

}  // namespace pretext
