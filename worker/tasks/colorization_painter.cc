#include "worker/tasks/colorization_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/color_bins.h"
#include "worker/tasks/colorized_picture.h"

namespace pretext {
namespace {

Tile GreyTile(const at::Tensor& lightness) {
  return {PictureOf(ColorizeCells(lightness, at::zeros({2, 1, 1}))), "what it sees", Mark::kNone};
}

PaintedRows PaintCells(const PaintRequest& request) {
  const Batch& batch = *request.batch;
  at::Tensor ab;  // (B, 2, C, C)
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(batch));
    ab = AnnealedMean(answers.predictions);
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < batch.fields[0].size(0); ++i) {
    const at::Tensor lightness = batch.fields[0][i];
    const bool is_lesson = batch.fields[3][i].item<float>() > 0;
    rows.push_back(
        {GreyTile(lightness),
         {PictureOf(ColorizeCells(lightness, MeanOfBins(batch.fields[1][i], batch.fields[2][i]))),
          is_lesson ? "the colours that are wanted" : "has no colour: left out of the loss", Mark::kNone}});
    if (ab.defined()) {
      rows.back().push_back({PictureOf(ColorizeCells(lightness, ab[i])), "the colours it says", Mark::kNone});
    }
  }
  return rows;
}

PaintedRows PaintPoints(const PaintRequest& request) {
  const Batch& batch = *request.batch;
  at::Tensor shares;  // (B, 2 P, 32): the hues of all points, then the chromas
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(batch));
    shares = at::softmax(answers.predictions.to(at::kFloat), 1).permute({0, 2, 1});
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < batch.fields[0].size(0); ++i) {
    const at::Tensor lightness = batch.fields[0][i], points = batch.fields[1][i];
    const int64_t count = points.size(0);
    const std::vector<HueChroma> wanted = DecodePoints(batch.fields[2][i], batch.fields[3][i]);
    rows.push_back({GreyTile(lightness),
                    {PictureOf(DotPoints(lightness, points, wanted)),
                     absl::StrCat("the colours that are wanted, at ", count, " points"), Mark::kNone},
                    {PictureOf(ColorizePoints(lightness, points, wanted)), "these, spread between the points",
                     Mark::kNone}});
    if (!shares.defined()) continue;
    const std::vector<HueChroma> said =
        DecodePoints(shares[i].narrow(0, 0, count), shares[i].narrow(0, count, count));
    rows.back().push_back({PictureOf(ColorizePoints(lightness, points, said)),
                           "the colours it says, spread between the points", Mark::kNone});
  }
  return rows;
}

}  // namespace

PaintedRows PaintColorization(const PaintRequest& request) {
  const bool at_points = request.context->spec.colorization().method() == v1::ColorizationSpec::LARSSON;
  return at_points ? PaintPoints(request) : PaintCells(request);
}

}  // namespace pretext
