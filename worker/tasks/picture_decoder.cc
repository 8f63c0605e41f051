#include "worker/tasks/picture_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr int kSmallestSide = 4;  // of the first map, about
constexpr int kWidest = 256, kNarrowest = 32;

// Halved from the picture on, rounded up.
std::vector<int64_t> MapSides(int side) {
  std::vector<int64_t> sides = {side};
  while (sides.back() > kSmallestSide + 1) sides.push_back((sides.back() + 1) / 2);
  std::reverse(sides.begin(), sides.end());
  return sides;
}

torch::nn::Conv2d MakeConvolution(int in, int out, bool bias) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, /*kernel_size=*/3).padding(1).bias(bias));
}

int WidthOf(size_t map) { return std::max(kNarrowest, kWidest >> map); }

}  // namespace

PictureDecoder::PictureDecoder(int features, int code_size, int side, int channels)
    : sides_(MapSides(side)), code_(nullptr), seed_(nullptr), picture_(nullptr) {
  code_ = register_module("code", torch::nn::Linear(features, code_size));
  seed_ = register_module("seed", torch::nn::Linear(code_size, WidthOf(0) * sides_[0] * sides_[0]));
  for (size_t i = 1; i < sides_.size(); ++i) {
    convolutions_.push_back(register_module(absl::StrCat("convolution", i),
                                            MakeConvolution(WidthOf(i - 1), WidthOf(i), /*bias=*/false)));
    norms_.push_back(
        register_module(absl::StrCat("norm", i), std::make_shared<GroupedBatchNorm>(WidthOf(i))));
  }
  picture_ = register_module("picture", MakeConvolution(WidthOf(sides_.size() - 1), channels, /*bias=*/true));
}

at::Tensor PictureDecoder::Forward(const at::Tensor& features) {
  at::Tensor map = at::relu(seed_->forward(code_->forward(features)))
                       .view({features.size(0), WidthOf(0), sides_[0], sides_[0]});
  for (size_t i = 1; i < sides_.size(); ++i) {
    map = at::upsample_nearest2d(map, {sides_[i], sides_[i]});
    map = at::relu(norms_[i - 1]->Forward(convolutions_[i - 1]->forward(map)));
  }
  // Over the square root of the inputs that each pixel adds up: a squared error is otherwise so steep in the
  // last layer's weights that the rates which the backbone wants would overshoot.
  return picture_->forward(map / std::sqrt(9.0 * map.size(1)));
}

}  // namespace pretext
