#ifndef PRETEXT_WORKER_TRAIN_LEARNING_RATE_H_
#define PRETEXT_WORKER_TRAIN_LEARNING_RATE_H_

#include <cstdint>

#include "pretext/v1/stage.pb.h"

namespace pretext {

// Learning rates as pure functions of the position in training. `progress` is step / steps: it is set before
// each step, so the first has 0 and the last (steps - 1) / steps.

struct Rates {
  double learning_rate = 0;
  double momentum = 0;  // SGD's momentum or AdamW's beta1
};

// fastai's cosine piece: a at x = 0, b at x = 1.
double CosineBetween(double a, double b, double x);

// fastai's fit_one_cycle (Smith 2018, with cosine pieces): from peak / div up to peak over `rise`, then down
// to peak / div_final; momentum mirrors it.
struct OneCycle {
  double peak = 1e-3;
  double rise = 0.25;  // share of all steps
  double div = 25;
  double div_final = 1e5;
  double momentum_high = 0.95;
  double momentum_low = 0.85;
};
Rates OneCycleAt(const OneCycle& cycle, double progress);

// Linear warm-up over the share `warmup`, then half a cosine down to zero (Loshchilov & Hutter 2017).
double WarmupCosineAt(double peak, double warmup, int64_t step, int64_t steps);

// ULMFiT's slanted triangular rate (Howard & Ruder 2018, eq. 3), cut_frac 0.1, ratio 32.
double SlantedTriangularAt(double peak, int64_t step, int64_t steps, double cut_share = 0.1,
                           double ratio = 32);

// What the schedule of a pretraining stage gives. Defaults are filled in.
Rates ScheduledRates(const v1::ScheduleSpec& schedule, const v1::OptimizerSpec& optimizer, int64_t step,
                     int64_t steps);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TRAIN_LEARNING_RATE_H_
