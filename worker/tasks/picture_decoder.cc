#include "worker/tasks/picture_decoder.h"

#include <ATen/ops/relu.h>

namespace pretext {
namespace {

constexpr int kSmallestSide = 3;  // of the first map

}  // namespace

PictureDecoder::PictureDecoder(int features, int code_size, int side, int channels)
    : code_(nullptr),
      seed_(nullptr),
      enlarge_(std::make_shared<EnlargingConvolutions>(kSmallestSide, side, channels)) {
  const int64_t first_map = enlarge_->first_width() * enlarge_->first_side() * enlarge_->first_side();
  code_ = register_module("code", torch::nn::Linear(features, code_size));
  seed_ = register_module("seed", torch::nn::Linear(code_size, first_map));
  register_module("enlarge", enlarge_);
}

at::Tensor PictureDecoder::Forward(const at::Tensor& features) {
  const int64_t side = enlarge_->first_side();
  return enlarge_->Forward(at::relu(seed_->forward(code_->forward(features)))
                               .view({features.size(0), enlarge_->first_width(), side, side}));
}

}  // namespace pretext
