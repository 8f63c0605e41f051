#ifndef PRETEXT_WORKER_REPORT_CONDENSED_SERIES_H_
#define PRETEXT_WORKER_REPORT_CONDENSED_SERIES_H_

#include <cstdint>
#include <vector>

namespace pretext {

// Neighbouring values of a series, as one.
struct SeriesPoint {
  double x = 0;    // mean step
  double low = 0;  // least, mean and greatest value
  double mean = 0;
  double high = 0;
  int64_t count = 1;  // of values
};

// A series of any length in bounded memory, for drawing: when it has twice `points`, neighbours are merged.
// Thread-compatible.
class CondensedSeries {
 public:
  explicit CondensedSeries(int points = 2048) : limit_(2 * points) {}

  // Steps in ascending order. What is not finite is left out.
  void Add(int64_t step, double value);

  const std::vector<SeriesPoint>& points() const { return points_; }

 private:
  int limit_;
  int64_t per_point_ = 1;  // values merged into a whole point
  std::vector<SeriesPoint> points_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_CONDENSED_SERIES_H_
