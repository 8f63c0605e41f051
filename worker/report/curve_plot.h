#ifndef PRETEXT_WORKER_REPORT_CURVE_PLOT_H_
#define PRETEXT_WORKER_REPORT_CURVE_PLOT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "worker/report/condensed_series.h"

namespace pretext {

// One line. A long one is drawn twice: faintly as it is, and strongly smoothed.
struct Curve {
  std::string label;
  std::vector<SeriesPoint> points;  // ascending x; a single one is drawn as a dot
};

// A value to compare with, drawn as a dashed line: what chance gives, for example.
struct Reference {
  std::string label;
  double value = 0;
};

// One pair of axes. Curves of unlike units or scales belong in different panels.
struct Panel {
  std::string title;          // what the vertical axis shows
  std::vector<Curve> curves;  // at least one with a point; at most eight
  absl::optional<Reference> reference;
  bool from_zero = false;  // the vertical axis begins at 0
  bool percent = false;    // values are shares: 0.25 is shown as 25 %
  bool exact = false;      // there is no noise to smooth away
};

// Panels below each other over the same horizontal axis.
struct Figure {
  std::string title;
  std::string x_label = "step";
  std::vector<Panel> panels;  // at least one
};

// A PNG, 1200 pixels wide. INTERNAL: OpenCV refused. Any thread.
absl::StatusOr<std::string> DrawPng(const Figure& figure);

}  // namespace pretext

#endif  // PRETEXT_WORKER_REPORT_CURVE_PLOT_H_
