#ifndef PRETEXT_WORKER_TASKS_COLORIZATION_VIEW_BUILDER_H_
#define PRETEXT_WORKER_TASKS_COLORIZATION_VIEW_BUILDER_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "pretext/v1/task.pb.h"
#include "worker/augment/view_pipeline.h"
#include "worker/tasks/color_bins.h"
#include "worker/tasks/lab.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Every fourth pixel of a view in each direction, from the corner on, has a colour to predict.
constexpr int kColorStride = 4;

// Side of the map of colours for pictures of `side` pixels.
constexpr int ColorCells(int side) { return (side + kColorStride - 1) / kColorStride; }

// The colours at the cells of an RGB picture (side * side * 3 bytes), row by row; not averaged.
std::vector<Lab> CellColors(absl::Span<const uint8_t> rgb, int side);

// Whether any colour is more than 5 from grey in a or b; a picture without is no lesson in colour.
bool IsColorful(absl::Span<const Lab> colors);

// Splits a view into what the network sees and what it must say. Done on the data threads, in about a
// millisecond for 224 pixels, and kept sparse: k bins a cell, not 313. Fields, for side S and C =
// ColorCells(S):
//   "lightness"  float (S, S, 1)  L, 0 .. 100
//   "bins"       int64 (C, C, k)  the cell's k nearest colour bins, nearest first
//   "weights"    float (C, C, k)  their shares, summing to one
//   "colorful"   float (1)        1, or 0 for a grey picture
class ColorizationViewBuilder : public ViewBuilder {
 public:
  // Every value of `spec` must be set. Pictures have three channels.
  ColorizationViewBuilder(const v1::ColorizationSpec& spec, int side);

  const BatchLayout& layout() const override { return layout_; }
  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override;

 private:
  int side_;
  ViewPipeline pipeline_;
  ColorEncoder encoder_;
  BatchLayout layout_;
};

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_COLORIZATION_VIEW_BUILDER_H_
