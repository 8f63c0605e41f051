#ifndef PRETEXT_WORKER_REPORT_AXIS_SCALE_H_
#define PRETEXT_WORKER_REPORT_AXIS_SCALE_H_

#include <string>
#include <vector>

namespace pretext {

// The values an axis spans, and where it is labelled.
struct AxisScale {
  double low = 0;
  double high = 1;
  std::vector<double> ticks;  // ascending, within low .. high
  double spacing = 1;         // between ticks: 1, 2 or 5 times a power of ten
};

// An axis over [low, high] with about `ticks` round ticks. With `round_ends` it is widened to begin and end
// at ticks. An empty range is given some width.
AxisScale MakeAxisScale(double low, double high, int ticks, bool round_ends);

// A label for a tick: "0.05", "12k", "1.5M"; no more digits than the spacing needs.
std::string FormatTick(double value, double spacing);

// Any value for a person, to about four digits: "5.123", "0.0003", "12345".
std::string FormatValue(double value);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_AXIS_SCALE_H_
