#include "worker/tasks/context_prediction_painter.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/softmax.h>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/tasks/context_prediction.h"

namespace pretext {
namespace {

constexpr const char* kSideNames[] = {"above left",   "above",      "above right", "to the left",
                                      "to the right", "below left", "below",       "below right"};
// Coprime to the 40 pairs, so that pictures show different ones.
constexpr int64_t kPairStride = 11;
// Of what has mean 0 and deviation 1, to grey levels.
constexpr double kMiddle = 127, kContrast = 55;

}  // namespace

PaintedRows PaintContextPrediction(const PaintRequest& request) {
  const std::vector<NeighbourPair> pairs = NeighbourPairs();
  at::Tensor shares;  // (B, 8, 40)
  if (request.task != nullptr) {
    PRETEXT_ASSIGN_OR_RETURN(const Answers answers, request.task->Answer(*request.batch));
    shares = at::softmax(answers.predictions.to(at::kFloat), 1);
  }
  std::vector<TileRow> rows;
  for (int64_t i = 0; i < request.batch->fields[0].size(0); ++i) {
    const at::Tensor patches = request.batch->fields[0][i] * kContrast + kMiddle;
    const int64_t number = (i * kPairStride + 2) % static_cast<int64_t>(pairs.size());
    const NeighbourPair& pair = pairs[number];
    rows.push_back({{MosaicOf(patches, {pair.first, pair.second}), "all nine, the pair framed", Mark::kNone},
                    {PictureOf(patches[pair.first]), "the first patch", Mark::kNone},
                    {PictureOf(patches[pair.second]), absl::StrCat("the second lies ", kSideNames[pair.side]),
                     Mark::kNone}});
    if (!shares.defined()) continue;
    const at::Tensor of_pair = shares[i].select(1, number);
    const int64_t said = of_pair.argmax(0).item<int64_t>();
    Tile& second = rows.back().back();
    second.mark = said == pair.side ? Mark::kRight : Mark::kWrong;
    absl::StrAppend(&second.caption, "\nsays ", kSideNames[said], " (",
                    ShareText(of_pair[said].item<double>()), ")");
  }
  return rows;
}

}  // namespace pretext
