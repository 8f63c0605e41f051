#include "worker/train/learning_watch.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

constexpr int64_t kPictures = 50000;
constexpr int64_t kFewestSteps = 200;

constexpr char kAdvice[] =
    "Try learning rates three and ten times higher and lower first (optimizer.learning_rate, in short jobs); "
    "then an "
    "easier form of the task (fewer permutations, larger patches, weaker augmentation); see `pretext tasks "
    "--for "
    "DIR` for tasks that fit these pictures better";

}  // namespace

LearningWatch::LearningWatch(int64_t steps, int64_t batch_size, const ChanceLosses& chance)
    : batch_size_(batch_size), chance_(chance) {
  const int64_t of_pictures = batch_size > 0 ? (kPictures + batch_size - 1) / batch_size : kFewestSteps;
  patience_ = std::max(kFewestSteps, std::min(of_pictures, steps / 2));
}

std::vector<v1::Alarm> LearningWatch::Look(const StepReading& reading) {
  std::vector<v1::Alarm> alarms;
  for (const auto& [name, chance] : chance_) {
    const double* value = FindNumber(reading.values, name);
    if (value == nullptr) continue;
    int64_t& steps = steps_[name];
    steps = IsAt(*value, chance) ? steps + 1 : 0;
    if (steps < patience_) continue;
    v1::Alarm alarm;
    alarm.set_kind(v1::Alarm::NOT_LEARNING);
    alarm.set_task(TaskOfLoss(name));
    alarm.set_text(absl::StrFormat(
        "%s has been %.4f for %d steps (%d pictures), which is what a network has that knows nothing", name,
        *value, steps, steps * batch_size_));
    alarm.set_advice(kAdvice);
    alarms.push_back(std::move(alarm));
  }
  return alarms;
}

}  // namespace pretext
