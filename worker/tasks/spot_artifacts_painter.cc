#include "worker/tasks/spot_artifacts_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/spot_artifacts.h"

namespace pretext {
namespace {

constexpr double kDarkened = 0.3;  // of the brightness

// Pictures (B, H, W, C) in grey levels, kept (B, 1, h, w).
at::Tensor Darkened(const at::Tensor& pictures, const at::Tensor& kept) {
  const at::Tensor here =
      at::upsample_nearest2d(kept.to(at::kFloat), {pictures.size(1), pictures.size(2)}).permute({0, 2, 3, 1});
  return pictures.to(at::kFloat) * (kDarkened + (1 - kDarkened) * here);
}

// One of a pair: class 0 is whole, 1 repaired. shares (2): of each class, as the network says.
Tile SeenTile(const at::Tensor& picture, int64_t truth, const at::Tensor& shares) {
  const int64_t said = shares.argmax(0).item<int64_t>();
  return {PictureOf(picture),
          absl::StrCat(truth == 0 ? "decoded whole" : "repaired", "\nsays ", said == 0 ? "whole" : "repaired",
                       " (", ShareText(shares[said].item<double>()), ")"),
          said == truth ? Mark::kRight : Mark::kWrong};
}

}  // namespace

PaintedRows PaintSpotArtifacts(const PaintRequest& request) {
  const at::Tensor& pictures = request.batch->fields[0];
  const at::Tensor dropped = Darkened(pictures, request.batch->fields[1]);
  at::Tensor pairs, shares;  // (B, 2, H, W, C) in grey levels, (B, 2 classes, 2)
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
    shares = at::softmax(answers.predictions.to(at::kFloat), 1);
    pairs = ((PairsShown(request.task->module(), *request.batch) + 1) * 127.5)
                .permute({0, 2, 3, 1})
                .unflatten(0, {-1, 2});
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < pictures.size(0); ++i) {
    rows.push_back({{PictureOf(pictures[i]), "a picture", Mark::kNone},
                    {PictureOf(dropped[i]), "what is dropped of its code, darkened", Mark::kNone}});
    if (!pairs.defined()) continue;
    for (int64_t side = 0; side < 2; ++side) {
      rows.back().push_back(SeenTile(pairs[i][side], side, shares[i].select(1, side)));
    }
  }
  return rows;
}

}  // namespace pretext
