#include "worker/train/step_report.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/train/alarm_metric.h"
#include "worker/train/detailed_step.h"
#include "worker/train/peak_memory.h"

namespace pretext {
namespace {

constexpr absl::Duration kProgressPeriod = absl::Milliseconds(200);

TrainingAlarmsOptions AlarmsOptions(const StepReportOptions& options) {
  return {options.steps, options.batch_size, options.data_threads, options.constants};
}

bool HasLoss(const StepReading& reading) {
  return std::any_of(reading.values.begin(), reading.values.end(),
                     [](const auto& named) { return named.first == "loss"; });
}

}  // namespace

StepReport::StepReport(const StepReportOptions& options, Reporter* reporter, Clock* clock)
    : options_(options),
      alarms_(AlarmsOptions(options)),
      reporter_(reporter),
      clock_(clock),
      read_(clock->Now()),
      window_begin_(read_),
      progress_told_(absl::InfinitePast()),
      window_step_(options.first_step) {}

bool StepReport::Add(const StepReading& reading) {
  const absl::Time now = clock_->Now();
  MeasureRates(reading, now);
  const bool detailed = IsDetailedStep(reading.step, options_.steps);
  std::map<std::string, double> current(reading.values.begin(), reading.values.end());
  current.erase("data_wait_seconds");
  current["images_per_second"] = images_per_second_;
  current["data_wait_share"] = data_wait_share_;
  if (detailed) current["peak_memory_bytes"] = static_cast<double>(PeakMemoryBytes(options_.device));
  for (const auto& [name, value] : options_.constants) current[name] = value;
  for (const auto& [name, value] : current) newest_[name] = value;
  if (options_.rank == 0) {
    NamedNumbers told;
    for (const auto& [name, value] : current) {
      if (detailed || name == "loss") told.emplace_back(name, value);
    }
    Tell(reading.step, std::move(told), alarms_.Look(reading, absl::ToDoubleSeconds(now - read_)));
  }
  read_ = now;
  SetProgress(reading, now);
  return detailed;
}

void StepReport::AddObservation(int64_t step, const Observation& seen) {
  for (const auto& [name, value] : seen.metrics) newest_[name] = value;
  if (options_.rank == 0) Tell(step, seen.metrics, seen.alarms);
}

void StepReport::Tell(int64_t step, NamedNumbers metrics, const std::vector<v1::Alarm>& alarms) {
  std::set<std::string> marks;
  for (const v1::Alarm& alarm : alarms) marks.insert(AlarmMetric(alarm.kind()));
  for (const std::string& mark : marks) metrics.emplace_back(mark, 1);
  for (auto& [name, value] : metrics) name = absl::StrCat(options_.stage, "/", name);
  if (!metrics.empty()) reporter_->AddMetrics(step, metrics);
  for (v1::Alarm alarm : alarms) {
    alarm.set_stage(options_.stage);
    reporter_->AddAlarm(alarm);
  }
}

void StepReport::MeasureRates(const StepReading& reading, absl::Time now) {
  waited_seconds_ += reading.value("data_wait_seconds");
  const double seconds = absl::ToDoubleSeconds(now - window_begin_);
  const int64_t steps = reading.step - window_step_;
  if (seconds <= 0 || (seconds < 1 && images_per_second_ != 0)) return;
  seconds_per_step_ = seconds / static_cast<double>(steps);
  images_per_second_ = static_cast<double>(steps * options_.batch_size) / seconds;
  data_wait_share_ = std::min(1.0, waited_seconds_ / seconds);
  window_begin_ = now;
  window_step_ = reading.step;
  waited_seconds_ = 0;
}

void StepReport::SetProgress(const StepReading& reading, absl::Time now) {
  if (now - progress_told_ < kProgressPeriod && reading.step != options_.steps) return;
  progress_told_ = now;
  v1::Progress progress;
  progress.set_stage(options_.stage);
  progress.set_stage_index(options_.stage_index);
  progress.set_stage_count(options_.stage_count);
  const int64_t per_epoch = std::max<int64_t>(1, options_.steps_per_epoch);
  progress.set_epoch(static_cast<int32_t>((reading.step - 1) / per_epoch + 1));
  progress.set_epochs(static_cast<int32_t>((options_.steps + per_epoch - 1) / per_epoch));
  progress.set_step(reading.step);
  progress.set_steps(options_.steps);
  progress.set_images_per_second(images_per_second_);
  progress.set_data_wait_share(data_wait_share_);
  progress.set_eta_seconds(seconds_per_step_ * static_cast<double>(options_.steps - reading.step));
  progress.set_phase(HasLoss(reading) ? "training" : "preparing");
  for (const auto& [name, value] : newest_) {
    (*progress.mutable_metrics())[absl::StrCat(options_.stage, "/", name)] = value;
  }
  reporter_->SetProgress(progress);
}

}  // namespace pretext
