#include "worker/train/training_alarms.h"

#include <utility>

#include "worker/train/chance_losses.h"

namespace pretext {

TrainingAlarms::TrainingAlarms(const TrainingAlarmsOptions& options)
    : collapse_(ChanceByLoss(options.constants)),
      learning_(options.steps, options.batch_size, ChanceByLoss(options.constants)),
      ease_(options.steps),
      starvation_(options.data_threads) {}

std::vector<v1::Alarm> TrainingAlarms::Look(const StepReading& reading, double seconds) {
  std::vector<v1::Alarm> seen = learning_.Look(reading);
  for (v1::Alarm& alarm : ease_.Look(reading)) seen.push_back(std::move(alarm));
  for (const absl::optional<v1::Alarm>& alarm :
       {collapse_.Look(reading), gradient_.Look(reading), starvation_.Look(reading, seconds)}) {
    if (alarm.has_value()) seen.push_back(*alarm);
  }
  std::vector<v1::Alarm> raised;
  for (v1::Alarm& alarm : seen) {
    if (!raised_.emplace(alarm.kind(), alarm.task()).second) continue;
    alarm.set_step(reading.step);
    raised.push_back(std::move(alarm));
  }
  return raised;
}

}  // namespace pretext
