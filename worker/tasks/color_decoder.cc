#include "worker/tasks/color_decoder.h"

#include <ATen/ops/upsample_bilinear2d.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "worker/models/map_sides.h"

namespace pretext {
namespace {

constexpr int kWidth = 128;

torch::nn::Conv2d MakeConvolution(int in, int out, int side, bool bias) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, side).padding(side / 2).bias(bias));
}

at::Tensor Enlarge(const at::Tensor& map, int64_t side) {
  if (map.size(2) == side) return map;
  return at::upsample_bilinear2d(map, {side, side}, /*align_corners=*/false);
}

}  // namespace

ColorDecoder::ColorDecoder(BackboneModule& backbone, int side, int cells, int scores)
    : cells_(cells), smooth_(nullptr), score_(nullptr) {
  const std::vector<int> channels = backbone.map_channels();
  const std::vector<int64_t> sides = MapSides(backbone, side);
  const int width = std::min(kWidth, channels.back());
  first_map_ = sides.size() - 1;
  while (first_map_ > 0 && sides[first_map_ - 1] <= cells) --first_map_;
  for (size_t i = first_map_; i < channels.size(); ++i) {
    laterals_.push_back(register_module(absl::StrCat("lateral", i + 1),
                                        MakeConvolution(channels[i], width, /*side=*/1, /*bias=*/true)));
  }
  smooth_ = register_module("smooth", MakeConvolution(width, width, /*side=*/3, /*bias=*/false));
  norm_ = register_module("norm", std::make_shared<GroupedBatchNorm>(width));
  score_ = register_module("score", MakeConvolution(width, scores, /*side=*/1, /*bias=*/true));
}

at::Tensor ColorDecoder::Forward(const std::vector<at::Tensor>& maps) {
  at::Tensor sum = laterals_.back()->forward(maps.back());
  for (size_t i = maps.size() - 1; i-- > first_map_;) {
    sum = Enlarge(sum, maps[i].size(2)) + laterals_[i - first_map_]->forward(maps[i]);
  }
  sum = Enlarge(sum, cells_);
  return score_->forward(norm_->Forward(smooth_->forward(sum)).relu());
}

}  // namespace pretext
