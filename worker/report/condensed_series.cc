#include "worker/report/condensed_series.h"

#include <algorithm>
#include <cmath>

namespace pretext {
namespace {

void Merge(const SeriesPoint& from, SeriesPoint* into) {
  const double share = static_cast<double>(from.count) / static_cast<double>(from.count + into->count);
  into->x += share * (from.x - into->x);
  into->mean += share * (from.mean - into->mean);
  into->low = std::min(into->low, from.low);
  into->high = std::max(into->high, from.high);
  into->count += from.count;
}

}  // namespace

void CondensedSeries::Add(int64_t step, double value) {
  if (!std::isfinite(value)) return;
  const SeriesPoint point{static_cast<double>(step), value, value, value, 1};
  if (!points_.empty() && points_.back().count < per_point_) {
    Merge(point, &points_.back());
    return;
  }
  if (points_.size() >= limit_) {
    for (size_t i = 0; i + 1 < points_.size(); i += 2) {
      Merge(points_[i + 1], &points_[i]);
      points_[i / 2] = points_[i];
    }
    points_.resize(points_.size() / 2);
    per_point_ *= 2;
  }
  points_.push_back(point);
}

}  // namespace pretext
