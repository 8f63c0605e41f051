#include "worker/tasks/rotation_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/rotation.h"

namespace pretext {
namespace {

constexpr int kTurns = 4;

std::string DegreesText(int64_t turn) { return absl::StrCat(turn * 90, " degrees"); }

}  // namespace

PaintedRows PaintRotation(const PaintRequest& request) {
  const at::Tensor turned = FourRotations(request.batch->fields[0]);
  at::Tensor shares;  // (B, 4, 4): picture, turn said, turn shown
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
    shares = at::softmax(answers.predictions.to(at::kFloat), 1);
  }
  std::vector<TileRow> rows;
  for (int64_t picture = 0; picture < request.batch->fields[0].size(0); ++picture) {
    rows.emplace_back();
    for (int64_t turn = 0; turn < kTurns; ++turn) {
      Tile tile{PictureOf(turned[picture * kTurns + turn]), DegreesText(turn), Mark::kNone};
      if (shares.defined()) {
        const at::Tensor of_turn = shares[picture].select(1, turn);
        const int64_t said = of_turn.argmax(0).item<int64_t>();
        tile.mark = said == turn ? Mark::kRight : Mark::kWrong;
        absl::StrAppend(&tile.caption, "\nsays ", DegreesText(said), " (",
                        ShareText(of_turn[said].item<double>()), ")");
      }
      rows.back().push_back(std::move(tile));
    }
  }
  return rows;
}

}  // namespace pretext
