#ifndef PRETEXT_WORKER_OPTIM_LEARNING_RATE_H_
#define PRETEXT_WORKER_OPTIM_LEARNING_RATE_H_

#include <cstdint>
#include <vector>

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

// Linear warm-up over the share `warmup`, then half a cosine down to zero (Loshchilov & Hutter 2017). The
// warm-up's W = round(warmup * steps) steps have the rates peak * 1, 2 .. W / (W + 1); step W has the peak.
double WarmupCosineAt(double peak, double warmup, int64_t step, int64_t steps);

// ULMFiT's slanted triangular rate (Howard & Ruder 2018, eq. 3), cut_frac 0.1, ratio 32.
double SlantedTriangularAt(double peak, int64_t step, int64_t steps, double cut_share = 0.1,
                           double ratio = 32);

// What the schedule of a pretraining stage gives. Defaults are filled in. One-cycle moves momentum by 0.05 to
// either side of the optimizer's (less where that would leave 0 .. 1): fastai's 0.95, 0.85, 0.95 for 0.9.
Rates ScheduledRates(const v1::ScheduleSpec& schedule, const v1::OptimizerSpec& optimizer, int64_t step,
                     int64_t steps);

// fastai's slice(first, last): a geometric series over layer groups; one group gets `last`.
std::vector<double> GeometricRates(double first, double last, int groups);

// fastai's fine_tune, for each of `groups` >= 1 layer groups, shallow first. In the first phase all but the
// last group are frozen, save their batch-norm, which has a tenth of the rate. `base` is that of the call;
// the second phase halves it, and gives the first group a `divisor`-th of the last group's rate.
std::vector<Rates> FineTuneFrozenAt(double base, int groups, double progress);
std::vector<Rates> FineTuneUnfrozenAt(double base, double divisor, int groups, double progress);

// ULMFiT's discriminative rates under its slanted triangular one: each group has the next deeper one's rate
// / 2.6, the last the peak. Adam's beta1 is the 0.7 of the paper.
std::vector<Rates> UlmfitAt(double peak, int groups, int64_t step, int64_t steps);

}  // namespace pretext

#endif  // PRETEXT_WORKER_OPTIM_LEARNING_RATE_H_
