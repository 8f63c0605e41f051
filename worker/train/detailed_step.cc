#include "worker/train/detailed_step.h"

#include <algorithm>

namespace pretext {
namespace {

constexpr int64_t kDetailedSteps = 1000;
constexpr int64_t kDetailedAThoroughOne = 10;

int64_t DetailedPeriod(int64_t steps) { return std::max<int64_t>(1, steps / kDetailedSteps); }

}  // namespace

bool IsDetailedStep(int64_t step, int64_t steps) {
  return step == 1 || step == steps || step % DetailedPeriod(steps) == 0;
}

bool IsThoroughStep(int64_t step, int64_t steps) {
  return step == 1 || step == steps || step % (kDetailedAThoroughOne * DetailedPeriod(steps)) == 0;
}

}  // namespace pretext
