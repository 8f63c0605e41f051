#include "worker/tasks/reconstruction_painters.h"

#include <ATen/TensorOperators.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/reconstruction.h"

namespace pretext {
namespace {

// The tile of what comes back of each picture; `wanted` (B, S, S, C).
absl::StatusOr<std::vector<Tile>> PaintGivenBack(const PaintRequest& request, const at::Tensor& wanted) {
  PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
  const at::Tensor pictures = GreyLevelsOf(answers.predictions, *request.task);
  std::vector<Tile> tiles;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    const double error = (pictures[i] - wanted[i].to(at::kFloat)).square().mean().item<double>();
    tiles.push_back({PictureOf(pictures[i]),
                     absl::StrFormat("given back, off by %.0f grey levels", std::sqrt(error)), Mark::kNone});
  }
  return tiles;
}

}  // namespace

PaintedRows PaintAutoencoder(const PaintRequest& request) {
  const at::Tensor& pictures = request.batch->fields[0];
  std::vector<Tile> answers;
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(answers, PaintGivenBack(request, pictures));
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    rows.push_back({{PictureOf(pictures[i]), "goes in, and is wanted back", Mark::kNone}});
    if (!answers.empty()) rows.back().push_back(answers[i]);
  }
  return rows;
}

PaintedRows PaintDenoising(const PaintRequest& request) {
  const at::Tensor &damaged = request.batch->fields[0], &pictures = request.batch->fields[1];
  std::vector<Tile> answers;
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(answers, PaintGivenBack(request, pictures));
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    rows.push_back({{PictureOf(damaged[i]), "goes in", Mark::kNone},
                    {PictureOf(pictures[i]), "is wanted back", Mark::kNone}});
    if (!answers.empty()) rows.back().push_back(answers[i]);
  }
  return rows;
}

}  // namespace pretext
