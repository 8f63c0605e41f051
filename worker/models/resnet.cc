#include "worker/models/resnet.h"

#include <ATen/ops/max_pool2d.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/models/batch_norm.h"

namespace pretext {
namespace {

constexpr int kBottleneckExpansion = 4;

torch::nn::Conv2d MakeConvolution(int in, int out, int side, int stride = 1, int padding = -1) {
  if (padding < 0) padding = side / 2;
  torch::nn::Conv2d convolution(
      torch::nn::Conv2dOptions(in, out, side).stride(stride).padding(padding).bias(false));
  torch::nn::init::kaiming_normal_(convolution->weight, /*a=*/0, torch::kFanOut, torch::kReLU);
  convolution->weight.set_data(convolution->weight.contiguous(at::MemoryFormat::ChannelsLast));
  return convolution;
}

// The projection beside a block that changes size: downsample.0 is a convolution, downsample.1 its
// normalisation.
class Downsample : public torch::nn::Module {
 public:
  Downsample(int in, int out, int stride)
      : convolution_(register_module("0", MakeConvolution(in, out, /*side=*/1, stride))),
        norm_(register_module("1", std::make_shared<GroupedBatchNorm>(out))) {}

  at::Tensor Forward(const at::Tensor& input) { return norm_->Forward(convolution_->forward(input)); }

 private:
  torch::nn::Conv2d convolution_;
  std::shared_ptr<GroupedBatchNorm> norm_;
};

// A residual block: two 3x3 convolutions, or 1x1, 3x3, 1x1.
class Block : public torch::nn::Module {
 public:
  Block(int in, int width, int stride, bool bottleneck) {
    const int out = bottleneck ? width * kBottleneckExpansion : width;
    if (bottleneck) {
      Add(MakeConvolution(in, width, /*side=*/1), width);
      Add(MakeConvolution(width, width, /*side=*/3, stride), width);
      Add(MakeConvolution(width, out, /*side=*/1), out);
    } else {
      Add(MakeConvolution(in, width, /*side=*/3, stride), width);
      Add(MakeConvolution(width, width, /*side=*/3), width);
    }
    if (stride != 1 || in != out) {
      downsample_ = register_module("downsample", std::make_shared<Downsample>(in, out, stride));
    }
  }

  at::Tensor Forward(const at::Tensor& input) {
    at::Tensor output = input;
    for (size_t i = 0; i < convolutions_.size(); ++i) {
      output = norms_[i]->Forward(convolutions_[i]->forward(output));
      if (i + 1 < convolutions_.size()) output.relu_();
    }
    output.add_(downsample_ == nullptr ? input : downsample_->Forward(input));
    return output.relu_();
  }

 private:
  void Add(torch::nn::Conv2d convolution, int out) {
    const std::string number = absl::StrCat(convolutions_.size() + 1);
    convolutions_.push_back(register_module("conv" + number, std::move(convolution)));
    norms_.push_back(register_module("bn" + number, std::make_shared<GroupedBatchNorm>(out)));
  }

  std::vector<torch::nn::Conv2d> convolutions_;
  std::vector<std::shared_ptr<GroupedBatchNorm>> norms_;
  std::shared_ptr<Downsample> downsample_;
};

// The blocks of one resolution, named by number.
class BlockSequence : public torch::nn::Module {
 public:
  void Add(std::shared_ptr<Block> block) {
    blocks_.push_back(register_module(absl::StrCat(blocks_.size()), std::move(block)));
  }

  at::Tensor Forward(at::Tensor features) {
    for (const auto& block : blocks_) features = block->Forward(features);
    return features;
  }

 private:
  std::vector<std::shared_ptr<Block>> blocks_;
};

class ResNet : public BackboneModule {
 public:
  ResNet(const ResNetShape& shape, const BackboneOptions& options)
      : options_(options),
        conv1_(register_module("conv1", options.small_stem
                                            ? MakeConvolution(options.in_channels, shape.width, /*side=*/3)
                                            : MakeConvolution(options.in_channels, shape.width, /*side=*/7,
                                                              /*stride=*/2))),
        bn1_(register_module("bn1", std::make_shared<GroupedBatchNorm>(shape.width))) {
    int in = shape.width;
    int width = shape.width;
    for (int stage = 0; stage < 4; ++stage, width *= 2) {
      auto layer = std::make_shared<BlockSequence>();
      for (int i = 0; i < shape.blocks[stage]; ++i) {
        const int stride = stage > 0 && i == 0 ? 2 : 1;
        layer->Add(std::make_shared<Block>(in, width, stride, shape.bottleneck));
        in = shape.bottleneck ? width * kBottleneckExpansion : width;
      }
      layers_.push_back(register_module(absl::StrCat("layer", stage + 1), std::move(layer)));
      map_channels_.push_back(in);
    }
    SetBatchNormGroups(options.bn_groups);
  }

  int feature_size() const override { return map_channels_.back(); }
  std::vector<int> map_channels() const override { return map_channels_; }
  std::vector<std::vector<std::string>> layer_groups() const override {
    return {{"conv1.", "bn1.", "layer1.", "layer2."}, {"layer3.", "layer4."}};
  }
  const BackboneOptions& options() const override { return options_; }

  void SetBatchNormGroups(int groups) override {
    options_.bn_groups = groups;
    pretext::SetBatchNormGroups(*this, groups);
  }

 protected:
  std::vector<at::Tensor> MapsOf(const at::Tensor& images) override {
    at::Tensor features = bn1_->Forward(conv1_->forward(images)).relu_();
    if (!options_.small_stem)
      features = at::max_pool2d(features, /*kernel_size=*/3, /*stride=*/2, /*padding=*/1);
    std::vector<at::Tensor> maps;
    for (const auto& layer : layers_) maps.push_back(features = layer->Forward(features));
    return maps;
  }

 private:
  BackboneOptions options_;
  torch::nn::Conv2d conv1_;
  std::shared_ptr<GroupedBatchNorm> bn1_;
  std::vector<std::shared_ptr<BlockSequence>> layers_;
  std::vector<int> map_channels_;
};

}  // namespace

Backbone MakeResNet(const ResNetShape& shape, const BackboneOptions& options) {
  return std::make_shared<ResNet>(shape, options);
}

}  // namespace pretext
