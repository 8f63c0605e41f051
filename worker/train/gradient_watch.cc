#include "worker/train/gradient_watch.h"

#include <cmath>

#include "absl/strings/str_format.h"

namespace pretext {
namespace {

constexpr double kDead = 1e-7;
constexpr int64_t kDeadSteps = 50;
constexpr double kExploded = 1e4;
constexpr double kTimesUsual = 100;
constexpr int64_t kExplodedSteps = 20;
constexpr int64_t kStepsToLearnFrom = 50;

constexpr char kDeadAdvice[] =
    "The weights hardly change any more: lower optimizer.weight_decay and the temperature of a contrastive "
    "task "
    "towards their defaults, and the learning rate if the loss jumped before; then start the job anew";
constexpr char kExplodedAdvice[] =
    "Set optimizer.clip_norm (1 to 10), or lower optimizer.learning_rate, or warm it up for longer "
    "(schedule.warmup_share); with precision BF16 try FP32";

v1::Alarm AlarmOf(const std::string& text, const char* advice) {
  v1::Alarm alarm;
  alarm.set_kind(v1::Alarm::GRADIENTS);
  alarm.set_text(text);
  alarm.set_advice(advice);
  return alarm;
}

}  // namespace

absl::optional<v1::Alarm> GradientWatch::Look(const StepReading& reading) {
  const double* norm = FindNumber(reading.values, "gradient_norm");
  if (norm == nullptr) return absl::nullopt;
  dead_steps_ = *norm < kDead ? dead_steps_ + 1 : 0;
  if (dead_steps_ >= kDeadSteps) {
    return AlarmOf(absl::StrFormat("the gradient has vanished: its norm has been under %g for %d steps",
                                   kDead, dead_steps_),
                   kDeadAdvice);
  }
  const bool knows_usual = usual_steps_ >= kStepsToLearnFrom;
  const double usual = usual_steps_ > 0 ? std::exp(log_sum_ / static_cast<double>(usual_steps_)) : 0;
  const bool exploded = *norm > kExploded || (knows_usual && *norm > kTimesUsual * usual);
  exploded_steps_ = exploded ? exploded_steps_ + 1 : 0;
  if (!exploded && *norm >= kDead) {
    log_sum_ += std::log(*norm);
    ++usual_steps_;
  }
  if (exploded_steps_ < kExplodedSteps) return absl::nullopt;
  return AlarmOf(absl::StrFormat("the gradient explodes: its norm has been large for %d steps, now %.3g%s",
                                 exploded_steps_, *norm,
                                 knows_usual ? absl::StrFormat(" where %.3g was usual", usual) : ""),
                 kExplodedAdvice);
}

}  // namespace pretext
