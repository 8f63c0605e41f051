#ifndef PRETEXT_WORKER_REPORT_SMOOTHING_H_
#define PRETEXT_WORKER_REPORT_SMOOTHING_H_

#include <vector>

#include "worker/report/condensed_series.h"

namespace pretext {

// From how many points on a series is smoothed.
inline constexpr int kSmoothedFrom = 60;

// The means of `points`, smoothed over about a hundredth of the series by an exponential average that is run
// forward and backward, so that nothing is shifted and the ends are not drawn to zero.
std::vector<double> SmoothedMeans(const std::vector<SeriesPoint>& points);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_SMOOTHING_H_
