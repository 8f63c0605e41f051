#include "worker/optim/learning_rate.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

constexpr double kMomentumSwing = 0.05;     // of one-cycle, to either side
constexpr double kFrozenGroupDivisor = 10;  // fastai's slice(x): x for the last group, x / 10 for the others
constexpr double kUlmfitGroupDivisor = 2.6;
constexpr double kUlmfitMomentum = 0.7;

OneCycle ScheduledCycle(const v1::ScheduleSpec& schedule, const v1::OptimizerSpec& optimizer) {
  const double momentum = optimizer.momentum();
  const double swing = std::min({kMomentumSwing, momentum, (1 - momentum) / 2});
  OneCycle cycle;
  cycle.peak = optimizer.learning_rate();
  cycle.rise = schedule.warmup_share();
  cycle.momentum_high = momentum + swing;
  cycle.momentum_low = momentum - swing;
  return cycle;
}

// One cycle for every peak, of one shape.
std::vector<Rates> OneCyclesAt(OneCycle cycle, const std::vector<double>& peaks, double progress) {
  std::vector<Rates> rates;
  for (const double peak : peaks) {
    cycle.peak = peak;
    rates.push_back(OneCycleAt(cycle, progress));
  }
  return rates;
}

}  // namespace

double CosineBetween(double a, double b, double x) {
  return a + (1 + std::cos(M_PI * (1 - x))) * (b - a) / 2;
}

Rates OneCycleAt(const OneCycle& cycle, double progress) {
  if (progress < cycle.rise) {
    const double x = progress / cycle.rise;
    return {CosineBetween(cycle.peak / cycle.div, cycle.peak, x),
            CosineBetween(cycle.momentum_high, cycle.momentum_low, x)};
  }
  const double x = cycle.rise < 1 ? (progress - cycle.rise) / (1 - cycle.rise) : 1;
  return {CosineBetween(cycle.peak, cycle.peak / cycle.div_final, x),
          CosineBetween(cycle.momentum_low, cycle.momentum_high, x)};
}

double WarmupCosineAt(double peak, double warmup, int64_t step, int64_t steps) {
  const int64_t warmup_steps = std::llround(warmup * static_cast<double>(steps));
  if (step < warmup_steps)
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
  if (step >= steps) return 0;
  return CosineBetween(peak, 0,
                       static_cast<double>(step - warmup_steps) / static_cast<double>(steps - warmup_steps));
}

double SlantedTriangularAt(double peak, int64_t step, int64_t steps, double cut_share, double ratio) {
  // At least one step, so that the fall has a beginning: the paper's floor is 0 for fewer than ten steps.
  const double cut = std::max(1.0, std::floor(static_cast<double>(steps) * cut_share));
  const double t = static_cast<double>(step);
  const double p = t < cut ? t / cut : 1 - (t - cut) / (cut * (1 / cut_share - 1));
  return peak * (1 + std::max(0.0, p) * (ratio - 1)) / ratio;
}

Rates ScheduledRates(const v1::ScheduleSpec& schedule, const v1::OptimizerSpec& optimizer, int64_t step,
                     int64_t steps) {
  switch (schedule.kind()) {
    case v1::ScheduleSpec::ONE_CYCLE:
      return OneCycleAt(ScheduledCycle(schedule, optimizer),
                        static_cast<double>(step) / static_cast<double>(steps));
    case v1::ScheduleSpec::CONSTANT:
      return {optimizer.learning_rate(), optimizer.momentum()};
    default:
      return {WarmupCosineAt(optimizer.learning_rate(), schedule.warmup_share(), step, steps),
              optimizer.momentum()};
  }
}

std::vector<double> GeometricRates(double first, double last, int groups) {
  std::vector<double> rates(groups, last);
  for (int i = 0; i + 1 < groups; ++i) rates[i] = first * std::pow(last / first, i / (groups - 1.0));
  return rates;
}

std::vector<Rates> FineTuneFrozenAt(double base, int groups, double progress) {
  OneCycle cycle;
  cycle.rise = 0.99;
  std::vector<double> peaks(groups, base / kFrozenGroupDivisor);
  peaks.back() = base;
  return OneCyclesAt(cycle, peaks, progress);
}

std::vector<Rates> FineTuneUnfrozenAt(double base, double divisor, int groups, double progress) {
  OneCycle cycle;
  cycle.rise = 0.3;
  cycle.div = 5;
  return OneCyclesAt(cycle, GeometricRates(base / 2 / divisor, base / 2, groups), progress);
}

std::vector<Rates> UlmfitAt(double peak, int groups, int64_t step, int64_t steps) {
  std::vector<Rates> rates(groups);
  double group_peak = peak;
  for (int i = groups - 1; i >= 0; --i, group_peak /= kUlmfitGroupDivisor) {
    rates[i] = {SlantedTriangularAt(group_peak, step, steps), kUlmfitMomentum};
  }
  return rates;
}

}  // namespace pretext
