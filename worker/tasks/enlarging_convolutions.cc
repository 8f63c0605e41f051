#include "worker/tasks/enlarging_convolutions.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr int kWidest = 256, kNarrowest = 32;

// Halved from the picture on.
std::vector<int64_t> MapSidesBetween(int64_t first, int64_t side) {
  std::vector<int64_t> sides = {side};
  while (sides.back() > 1 && (sides.back() + 1) / 2 >= first) sides.push_back((sides.back() + 1) / 2);
  std::reverse(sides.begin(), sides.end());
  return sides;
}

torch::nn::Conv2d MakeConvolution(int in, int out, bool bias) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, /*kernel_size=*/3).padding(1).bias(bias));
}

int WidthOf(size_t map) { return std::max(kNarrowest, kWidest >> map); }

}  // namespace

EnlargingConvolutions::EnlargingConvolutions(int64_t first_side, int64_t side, int channels)
    : sides_(MapSidesBetween(first_side, side)), picture_(nullptr) {
  for (size_t i = 1; i < sides_.size(); ++i) {
    convolutions_.push_back(register_module(absl::StrCat("convolution", i),
                                            MakeConvolution(WidthOf(i - 1), WidthOf(i), /*bias=*/false)));
    norms_.push_back(
        register_module(absl::StrCat("norm", i), std::make_shared<GroupedBatchNorm>(WidthOf(i))));
  }
  picture_ = register_module("picture", MakeConvolution(WidthOf(sides_.size() - 1), channels, /*bias=*/true));
}

int EnlargingConvolutions::first_width() const { return WidthOf(0); }

at::Tensor EnlargingConvolutions::Forward(at::Tensor map) {
  for (size_t i = 1; i < sides_.size(); ++i) {
    map = at::upsample_nearest2d(map, {sides_[i], sides_[i]});
    map = at::relu(norms_[i - 1]->Forward(convolutions_[i - 1]->forward(map)));
  }
  // Over the square root of the inputs that each pixel adds up: a squared error is otherwise so steep in the
  // last layer's weights that the rates which the backbone wants would overshoot.
  return picture_->forward(map / std::sqrt(9.0 * map.size(1)));
}

}  // namespace pretext
