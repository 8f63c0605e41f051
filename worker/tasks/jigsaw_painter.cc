#include "worker/tasks/jigsaw_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/softmax.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/jigsaw.h"

namespace pretext {
namespace {

// Place i of the puzzle shows tile order[i]: each goes where it came from.
Image PutTogether(const at::Tensor& tiles, const TileOrder& order) {
  at::Tensor sorted = at::empty_like(tiles);
  for (size_t i = 0; i < order.size(); ++i) sorted[order[i]].copy_(tiles[static_cast<int64_t>(i)]);
  return MosaicOf(sorted);
}

// Tiles counted from one, row by row.
std::string OrderText(const TileOrder& order) {
  return absl::StrJoin(order, " ", [](std::string* text, uint8_t tile) { absl::StrAppend(text, tile + 1); });
}

}  // namespace

PaintedRows PaintJigsaw(const PaintRequest& request) {
  const std::vector<TileOrder> orders = JigsawOrders(request.context->spec.jigsaw());
  at::Tensor tiles = request.batch->fields[0];
  if (request.context->spec.jigsaw().occluded_tiles() > 0) {
    tiles = OccludeTiles(tiles, request.batch->fields[2], /*groups=*/1);
  }
  at::Tensor shares;  // (B, orders)
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
    shares = at::softmax(answers.predictions.to(at::kFloat), 1);
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < tiles.size(0); ++i) {
    const int64_t number = request.batch->fields[1][i].item<int64_t>();
    const TileOrder& order = orders[number];
    rows.push_back(
        {{MosaicOf(tiles[i]), "as it is shown", Mark::kNone},
         {PutTogether(tiles[i], order),
          absl::StrCat("put together: order ", number + 1, " of ", orders.size(), "\n", OrderText(order)),
          Mark::kNone}});
    if (!shares.defined()) continue;
    const int64_t said = shares[i].argmax(0).item<int64_t>();
    int placed = 0;
    for (size_t tile = 0; tile < order.size(); ++tile) placed += orders[said][tile] == order[tile];
    rows.back().push_back(
        {PutTogether(tiles[i], orders[said]),
         absl::StrCat("says order ", said + 1, " (", ShareText(shares[i][said].item<double>()), "), ", placed,
                      " of ", order.size(), " tiles in place\n", OrderText(orders[said])),
         said == number ? Mark::kRight : Mark::kWrong});
  }
  return rows;
}

}  // namespace pretext
