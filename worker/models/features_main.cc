// Features of given pictures under given weights, for comparing this network with others (tests/parity):
//   features --weights backbone.safetensors --images images.safetensors --output features.safetensors
// The images file holds `images`: (N, C, H, W) float, already normalised, or (N, H, W, C) uint8, normalised
// by
// --mean and --std. The output holds `features` (N, D), `layer1` .. `layer4` (N, C_i, H_i, W_i), in
// evaluation mode, and `images` as the network got them. Without --weights they are fresh, drawn from --seed;
// --export writes them as a job does.

#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/models/backbone.h"
#include "worker/models/normalize.h"
#include "worker/models/safetensors.h"
#include "worker/models/weights.h"

namespace pretext {
namespace {

struct Options {
  std::string weights, images, output, export_to;
  uint64_t seed = 0;
  std::vector<double> mean, std;
  BackboneOptions backbone;
};

// The pictures as the network takes them.
absl::StatusOr<at::Tensor> ReadImages(const Options& options) {
  PRETEXT_ASSIGN_OR_RETURN(const SafetensorsFile file, ReadSafetensors(options.images));
  const auto found = file.tensors.find("images");
  if (found == file.tensors.end() || found->second.dim() != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.images, " holds no tensor images (N, C, H, W) or uint8 (N, H, W, C)"));
  }
  const at::Tensor& images = found->second;
  if (images.scalar_type() != at::kByte) {
    return images.to(at::kFloat).contiguous(at::MemoryFormat::ChannelsLast);
  }
  const size_t channels = images.size(3);
  if (options.mean.size() != channels || options.std.size() != channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("uint8 images need --mean and --std with a number for each of ", channels, " channels"));
  }
  return NormalizeImages(images, options.mean, options.std);
}

absl::Status ReadWeights(const Options& options, BackboneModule& backbone) {
  if (options.weights.empty()) return absl::OkStatus();
  PRETEXT_ASSIGN_OR_RETURN(const SafetensorsFile weights, ReadSafetensors(options.weights));
  PRETEXT_ASSIGN_OR_RETURN(const WeightsReport report,
                           LoadBackboneWeights(weights.tensors, options.weights, backbone));
  std::cerr << report.Summary() << "\n";
  return absl::OkStatus();
}

absl::Status Export(const Options& options, const at::Tensor& images, const BackboneModule& backbone) {
  if (options.export_to.empty()) return absl::OkStatus();
  WeightsCard card;
  card.backbone = backbone.options();
  card.mean = options.mean;
  card.std = options.std;
  card.image_size = static_cast<int>(images.size(2));
  card.task = "none";
  return WriteSafetensors(options.export_to, MakeStateDict(backbone), card.ToMetadata());
}

absl::Status WriteFeatures(Options options) {
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor images, ReadImages(options));
  options.backbone.in_channels = static_cast<int>(images.size(1));
  at::manual_seed(options.seed);
  PRETEXT_ASSIGN_OR_RETURN(const Backbone backbone, MakeBackbone(options.backbone));
  PRETEXT_RETURN_IF_ERROR(ReadWeights(options, *backbone));
  PRETEXT_RETURN_IF_ERROR(Export(options, images, *backbone));
  backbone->eval();
  at::NoGradGuard no_grad;
  const std::vector<at::Tensor> maps = backbone->Maps(images);
  StateDict output = {{"features", AveragePool(maps.back())}, {"images", images}};
  for (size_t i = 0; i < maps.size(); ++i) output[absl::StrCat("layer", i + 1)] = maps[i];
  return WriteSafetensors(options.output, output, {});
}

}  // namespace
}  // namespace pretext

int main(int argc, char** argv) {
  pretext::Options options;
  CLI::App app("Writes the features of pictures under given weights.");
  app.add_option("--weights", options.weights, "safetensors with torchvision's names");
  app.add_option("--seed", options.seed, "of fresh weights");
  app.add_option("--images", options.images, "safetensors with `images`")->required();
  app.add_option("--mean", options.mean, "of each channel of uint8 images")->delimiter(',');
  app.add_option("--std", options.std, "of each channel of uint8 images")->delimiter(',');
  app.add_option("--output", options.output, "safetensors to write")->required();
  app.add_option("--export", options.export_to, "safetensors to write the weights to");
  app.add_option("--backbone", options.backbone.name, "default resnet18");
  app.add_flag("--small_stem", options.backbone.small_stem, "3x3 stride 1 without pooling");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = pretext::WriteFeatures(std::move(options));
  if (status.ok()) return 0;
  std::cerr << status.message() << "\n";
  return 1;
}
