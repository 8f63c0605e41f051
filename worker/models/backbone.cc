#include "worker/models/backbone.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool2d.h>

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/models/resnet.h"

namespace pretext {
namespace {

// The one list of backbones: what people see, and what it is made from.
constexpr BackboneEntry kEntries[] = {
    {"resnet18", "torchvision's ResNet-18: 11.2 M parameters, 512 features"},
    {"resnet34", "torchvision's ResNet-34: 21.3 M parameters, 512 features"},
    {"resnet50", "torchvision's ResNet-50 (v1.5): 23.5 M parameters, 2048 features"},
    {"resnet10_narrow",
     "one block a stage, a quarter as wide: 0.3 M parameters, 128 features; small pictures on CPUs"},
    {"resnet18_narrow",
     "ResNet-18, a quarter as wide: 0.7 M parameters, 128 features; small pictures on CPUs"},
};
constexpr ResNetShape kShapes[] = {
    {{2, 2, 2, 2}, /*bottleneck=*/false, /*width=*/64}, {{3, 4, 6, 3}, /*bottleneck=*/false, /*width=*/64},
    {{3, 4, 6, 3}, /*bottleneck=*/true, /*width=*/64},  {{1, 1, 1, 1}, /*bottleneck=*/false, /*width=*/16},
    {{2, 2, 2, 2}, /*bottleneck=*/false, /*width=*/16},
};
static_assert(std::size(kEntries) == std::size(kShapes));

}  // namespace

std::vector<at::Tensor> BackboneModule::Maps(const at::Tensor& images) {
  std::vector<at::Tensor> maps = MapsOf(Turned(images, turn_));
  if (watched_ && seen_.empty()) seen_ = maps;
  return maps;
}

at::Tensor BackboneModule::Forward(const at::Tensor& images) { return AveragePool(Maps(images).back()); }

void BackboneModule::Watch(Turn turn) {
  watched_ = true;
  turn_ = turn;
  seen_.clear();
}

std::vector<at::Tensor> BackboneModule::TakeSeen() {
  std::vector<at::Tensor> seen = std::move(seen_);
  seen_.clear();
  for (at::Tensor& map : seen) map = TurnedBack(map, turn_);
  watched_ = false;
  turn_ = Turn::kNone;
  return seen;
}

absl::Span<const BackboneEntry> Backbones() { return kEntries; }

absl::StatusOr<Backbone> MakeBackbone(const BackboneOptions& options) {
  const auto* entry =
      absl::c_find_if(kEntries, [&](const BackboneEntry& e) { return e.name == options.name; });
  if (entry == std::end(kEntries)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "backbone: no network is called \"", options.name, "\"; there are ",
        absl::StrJoin(kEntries, ", ",
                      [](std::string* out, const BackboneEntry& e) { absl::StrAppend(out, e.name); })));
  }
  if (options.in_channels < 1) {
    return absl::InvalidArgumentError(absl::StrCat("backbone ", options.name, ": in_channels is ",
                                                   options.in_channels, "; it must be at least 1"));
  }
  if (options.bn_groups < 1) {
    return absl::InvalidArgumentError(absl::StrCat("backbone ", options.name, ": bn_groups is ",
                                                   options.bn_groups, "; it must be at least 1"));
  }
  return MakeResNet(kShapes[entry - std::begin(kEntries)], options);
}

absl::StatusOr<Backbone> CopyBackbone(const BackboneModule& source) {
  absl::StatusOr<Backbone> made = MakeBackbone(source.options());
  if (!made.ok()) return made;
  CopyState(source, **made);
  (*made)->train(source.is_training());
  return made;
}

void CopyState(const torch::nn::Module& source, torch::nn::Module& target) {
  at::NoGradGuard no_grad;
  auto parameters = target.named_parameters();
  for (const auto& item : source.named_parameters()) parameters[item.key()].copy_(item.value());
  auto buffers = target.named_buffers();
  for (const auto& item : source.named_buffers()) buffers[item.key()].copy_(item.value());
}

at::Tensor AveragePool(const at::Tensor& map) { return at::adaptive_avg_pool2d(map, {1, 1}).flatten(1); }

}  // namespace pretext
