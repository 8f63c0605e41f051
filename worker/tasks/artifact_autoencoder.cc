#include "worker/tasks/artifact_autoencoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/replication_pad2d.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/where.h>
#include <torch/nn/init.h>

#include "absl/strings/str_cat.h"

namespace pretext {
namespace {

constexpr int kLayers = 4;
constexpr int64_t kFewestCells = 4;  // a side
constexpr double kLeak = 0.2;

// Of the picture and of each layer's map after it.
std::vector<int64_t> EncoderSides(int64_t side) {
  std::vector<int64_t> sides = {side};
  for (int layer = 0; layer < kLayers; ++layer) {
    const int64_t half = (sides.back() + 1) / 2;
    sides.push_back(half >= kFewestCells ? half : sides.back());
  }
  return sides;
}

torch::nn::Conv2d Convolution(int64_t in, int64_t out, int kernel, int stride, bool bias) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel == 3 ? 1 : 0).bias(bias));
}

at::Tensor Resized(const at::Tensor& map, int64_t side) {
  if (map.size(2) == side) return map;
  return at::upsample_bilinear2d(map, {side, side}, /*align_corners=*/false);
}

}  // namespace

int64_t CodeSide(int side) { return EncoderSides(side).back(); }

ArtifactAutoencoder::ArtifactAutoencoder(int side, int channels, int width)
    : width_(width), sides_(EncoderSides(side)), picture_(nullptr) {
  const auto add = [this](const std::string& name, torch::nn::Conv2d convolution,
                          std::vector<torch::nn::Conv2d>* convolutions,
                          std::vector<std::shared_ptr<GroupedBatchNorm>>* norms) {
    const int64_t out = convolution->options.out_channels();
    convolutions->push_back(register_module(name, convolution));
    norms->push_back(register_module(name + "_norm", std::make_shared<GroupedBatchNorm>(out)));
  };
  add("encoder0", Convolution(channels, width, /*kernel=*/3, /*stride=*/1, /*bias=*/false), &encoders_,
      &encoder_norms_);
  for (int layer = 1; layer <= kLayers; ++layer) {
    const int stride = sides_[layer] == sides_[layer - 1] ? 1 : 2;
    add(absl::StrCat("encoder", layer),
        Convolution(width << (layer - 1), width << layer, /*kernel=*/stride, stride, /*bias=*/false),
        &encoders_, &encoder_norms_);
  }
  for (int layer = 0; layer < kLayers; ++layer) {
    add(absl::StrCat("decoder", layer),
        Convolution(map_channels(layer), map_channels(layer + 1), /*kernel=*/3, /*stride=*/1, /*bias=*/false),
        &decoders_, &decoder_norms_);
  }
  picture_ =
      register_module("picture", Convolution(width, channels, /*kernel=*/3, /*stride=*/1, /*bias=*/true));
}

int64_t ArtifactAutoencoder::map_channels(int map) const { return int64_t{width_} << (kLayers - map); }

at::Tensor ArtifactAutoencoder::Encode(const at::Tensor& pictures) {
  at::Tensor map = pictures;
  for (size_t i = 0; i < encoders_.size(); ++i) {
    // So that the last row and column of an odd side have a partner.
    if (encoders_[i]->options.stride()->at(0) == 2 && map.size(2) % 2 == 1) {
      map = at::replication_pad2d(map, {0, 1, 0, 1});
    }
    map = at::leaky_relu(encoder_norms_[i]->Forward(encoders_[i]->forward(map)), kLeak);
  }
  return map;
}

at::Tensor ArtifactAutoencoder::Decode(at::Tensor code) {
  for (int layer = 0; layer < kLayers; ++layer) code = DecodeLayer(layer, code);
  return DecodePicture(code);
}

at::Tensor ArtifactAutoencoder::DecodeLayer(int layer, const at::Tensor& map) {
  const at::Tensor enlarged = Resized(map, sides_[kLayers - 1 - layer]);
  return at::leaky_relu(decoder_norms_[layer]->Forward(decoders_[layer]->forward(enlarged)), kLeak);
}

at::Tensor ArtifactAutoencoder::DecodePicture(const at::Tensor& map) {
  return at::tanh(picture_->forward(map)).to(at::kFloat);
}

RepairNetwork::RepairNetwork(const ArtifactAutoencoder& autoencoder) {
  for (int map = 0; map < autoencoder.maps(); ++map) {
    const int64_t channels = autoencoder.map_channels(map);
    first_.push_back(
        register_module(absl::StrCat("first", map),
                        Convolution(channels + 1, channels, /*kernel=*/3, /*stride=*/1, /*bias=*/true)));
    second_.push_back(
        register_module(absl::StrCat("second", map),
                        Convolution(channels, channels, /*kernel=*/3, /*stride=*/1, /*bias=*/true)));
    torch::nn::init::zeros_(second_.back()->weight);
    torch::nn::init::zeros_(second_.back()->bias);
  }
}

at::Tensor RepairNetwork::Decode(ArtifactAutoencoder& autoencoder, const at::Tensor& code,
                                 const at::Tensor& kept) {
  at::Tensor map = Repair(0, code, kept);
  for (int layer = 0; layer + 1 < autoencoder.maps(); ++layer) {
    map = Repair(layer + 1, autoencoder.DecodeLayer(layer, map), kept);
  }
  return autoencoder.DecodePicture(map);
}

at::Tensor RepairNetwork::Repair(int block, const at::Tensor& map, const at::Tensor& kept) {
  const at::Tensor here = at::upsample_nearest2d(kept, {map.size(2), map.size(3)}).to(map.scalar_type());
  const at::Tensor hidden = at::leaky_relu(first_[block]->forward(at::cat({map, here}, 1)), kLeak);
  return map + (1 - here) * second_[block]->forward(hidden);
}

at::Tensor DropCells(const at::Tensor& code, const at::Tensor& kept) {
  const at::Tensor around = at::avg_pool2d(code, {3, 3}, /*stride=*/{1, 1}, /*padding=*/{1, 1},
                                           /*ceil_mode=*/false, /*count_include_pad=*/false);
  return at::where(kept.gt(0), code, around);
}

}  // namespace pretext
