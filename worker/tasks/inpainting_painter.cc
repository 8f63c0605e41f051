#include "worker/tasks/inpainting_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "absl/strings/str_format.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/holes.h"
#include "worker/tasks/inpainting.h"
#include "worker/tasks/reconstruction.h"

namespace pretext {
namespace {

constexpr int kMiddleGray = 128;

// The picture with its missing pixels as they are filled in.
Tile FilledTile(const at::Tensor& picture, const at::Tensor& hole, const at::Tensor& filled) {
  const at::Tensor missing = hole.eq(kMissing), wanted = picture.to(at::kFloat);
  const at::Tensor squares = (filled - wanted).square().masked_select(missing);
  const double error = squares.numel() == 0 ? 0 : squares.mean().item<double>();
  return {PictureOf(at::where(missing, filled, wanted)),
          absl::StrFormat("filled in, off by %.0f grey levels", std::sqrt(error)), Mark::kNone};
}

}  // namespace

PaintedRows PaintInpainting(const PaintRequest& request) {
  const at::Tensor &pictures = request.batch->fields[0], &holes = request.batch->fields[1];
  const at::Tensor shown = FillHoles(pictures, holes, at::full({pictures.size(3)}, kMiddleGray, at::kByte));
  at::Tensor filled;
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
    filled = GreyLevelsOf(answers.predictions, *request.task);
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    rows.push_back({{PictureOf(shown[i]), "goes in, the hole in the data's mean colour", Mark::kNone},
                    {PictureOf(pictures[i]), "is wanted", Mark::kNone}});
    if (filled.defined()) rows.back().push_back(FilledTile(pictures[i], holes[i], filled[i]));
  }
  return rows;
}

}  // namespace pretext
