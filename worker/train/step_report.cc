#include "worker/train/step_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/train/peak_memory.h"

namespace pretext {
namespace {

constexpr int64_t kDetailedSteps = 1000;
constexpr absl::Duration kProgressPeriod = absl::Milliseconds(200);

}  // namespace

bool IsDetailedStep(int64_t step, int64_t steps) {
  const int64_t period = std::max<int64_t>(1, steps / kDetailedSteps);
  return step == 1 || step == steps || step % period == 0;
}

StepReport::StepReport(const StepReportOptions& options, Reporter* reporter, Clock* clock)
    : options_(options),
      alarms_(options.steps, options.constants),
      reporter_(reporter),
      clock_(clock),
      window_begin_(clock->Now()),
      progress_told_(absl::InfinitePast()),
      window_step_(options.first_step) {}

bool StepReport::Add(const StepReading& reading) {
  const absl::Time now = clock_->Now();
  waited_seconds_ += reading.value("data_wait_seconds");
  const double seconds = absl::ToDoubleSeconds(now - window_begin_);
  const int64_t steps = reading.step - window_step_;
  if (seconds > 0 && (seconds >= 1 || images_per_second_ == 0)) {
    seconds_per_step_ = seconds / static_cast<double>(steps);
    images_per_second_ = static_cast<double>(steps * options_.batch_size) / seconds;
    data_wait_share_ = std::min(1.0, waited_seconds_ / seconds);
    window_begin_ = now;
    window_step_ = reading.step;
    waited_seconds_ = 0;
  }
  for (const auto& [name, value] : reading.values) {
    if (name != "data_wait_seconds") newest_[name] = value;
  }
  newest_["images_per_second"] = images_per_second_;
  newest_["data_wait_share"] = data_wait_share_;
  for (const auto& [name, value] : options_.constants) newest_[name] = value;
  const bool detailed = IsDetailedStep(reading.step, options_.steps);
  if (detailed) newest_["peak_memory_bytes"] = static_cast<double>(PeakMemoryBytes(options_.device));
  if (options_.rank == 0) {
    for (const std::string& alarm : alarms_.Look(reading)) {
      reporter_->Log(v1::LogLine::WARNING, absl::StrCat("stage ", options_.stage, ": ", alarm));
    }
    std::vector<std::pair<std::string, double>> metrics;
    for (const auto& [name, value] : newest_) {
      if (detailed || name == "loss") metrics.emplace_back(absl::StrCat(options_.stage, "/", name), value);
    }
    reporter_->AddMetrics(reading.step, metrics);
  }
  SetProgress(reading, now);
  return detailed;
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
  progress.set_phase("training");
  for (const auto& [name, value] : newest_) {
    (*progress.mutable_metrics())[absl::StrCat(options_.stage, "/", name)] = value;
  }
  reporter_->SetProgress(progress);
}

}  // namespace pretext
