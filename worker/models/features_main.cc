// Features of given pictures under given weights, for comparing this network with others:
//   features --weights backbone.safetensors --images images.safetensors --output features.safetensors
// The images file holds `images` (N, C, H, W), already normalised. The output holds `features` (N, D) and
// `layer1` .. `layer4` (N, C_i, H_i, W_i), in evaluation mode.

#include <ATen/core/grad_mode.h>

#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "proto/cpp/status_macros.h"
#include "worker/models/backbone.h"
#include "worker/models/safetensors.h"
#include "worker/models/weights.h"

namespace {

struct Options {
  std::string weights, images, output;
  pretext::BackboneOptions backbone;
};

absl::Status WriteFeatures(const Options& options) {
  PRETEXT_ASSIGN_OR_RETURN(const pretext::SafetensorsFile images, pretext::ReadSafetensors(options.images));
  const auto found = images.tensors.find("images");
  if (found == images.tensors.end() || found->second.dim() != 4) {
    return absl::InvalidArgumentError(absl::StrCat(options.images, " holds no tensor images (N, C, H, W)"));
  }
  pretext::BackboneOptions backbone_options = options.backbone;
  backbone_options.in_channels = static_cast<int>(found->second.size(1));
  PRETEXT_ASSIGN_OR_RETURN(const pretext::SafetensorsFile weights, pretext::ReadSafetensors(options.weights));
  PRETEXT_ASSIGN_OR_RETURN(const pretext::Backbone backbone, pretext::MakeBackbone(backbone_options));
  PRETEXT_ASSIGN_OR_RETURN(const pretext::WeightsReport report,
                           pretext::LoadBackboneWeights(weights.tensors, options.weights, *backbone));
  std::cerr << report.Summary() << "\n";
  backbone->eval();
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps =
      backbone->Maps(found->second.to(at::kFloat).contiguous(at::MemoryFormat::ChannelsLast));
  pretext::StateDict output = {{"features", pretext::AveragePool(maps.back())}};
  for (size_t i = 0; i < maps.size(); ++i) output[absl::StrCat("layer", i + 1)] = maps[i];
  return pretext::WriteSafetensors(options.output, output, {});
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Writes the features of pictures under given weights.");
  app.add_option("--weights", options.weights, "safetensors with torchvision's names")->required();
  app.add_option("--images", options.images, "safetensors with `images` (N, C, H, W)")->required();
  app.add_option("--output", options.output, "safetensors to write")->required();
  app.add_option("--backbone", options.backbone.name, "default resnet18");
  app.add_flag("--small_stem", options.backbone.small_stem, "3x3 stride 1 without pooling");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = WriteFeatures(options);
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}
