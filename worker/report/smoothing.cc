#include "worker/report/smoothing.h"

#include <cmath>
#include <cstddef>

namespace pretext {
namespace {

// A pass over weighted values: numerator and denominator are averaged alike, and divided at the end.
template <typename Iterator>
void Average(double keep, Iterator begin, Iterator end) {
  double last = 0;
  for (Iterator at = begin; at != end; ++at) *at = last = keep * last + (1 - keep) * *at;
}

}  // namespace

std::vector<double> SmoothedMeans(const std::vector<SeriesPoint>& points) {
  std::vector<double> values, weights(points.size(), 1);
  for (const SeriesPoint& point : points) values.push_back(point.mean);
  if (points.size() < kSmoothedFrom) return values;
  const double keep = std::exp(-100.0 / static_cast<double>(points.size()));
  for (std::vector<double>* each : {&values, &weights}) {
    Average(keep, each->begin(), each->end());
    Average(keep, each->rbegin(), each->rend());
  }
  for (size_t i = 0; i < values.size(); ++i) values[i] /= weights[i];
  return values;
}

}  // namespace pretext
