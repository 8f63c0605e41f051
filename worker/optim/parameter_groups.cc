#include "worker/optim/parameter_groups.h"

#include <c10/util/Exception.h>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "worker/models/batch_norm.h"

namespace pretext {
namespace {

constexpr char kBackbonePrefix[] = "backbone.";
constexpr char kHeadPrefix[] = "head.";

bool HasPrefix(const std::string& name, const std::vector<std::string>& prefixes) {
  return absl::c_any_of(
      prefixes, [&](const std::string& prefix) { return absl::StartsWith(name, kBackbonePrefix + prefix); });
}

// {"conv1.", "bn1.", "layer2."} -> "conv1-layer2".
std::string GroupName(const std::vector<std::string>& prefixes) {
  const absl::string_view first = absl::StripSuffix(prefixes.front(), ".");
  if (prefixes.size() == 1) return std::string(first);
  return absl::StrCat(first, "-", absl::StripSuffix(prefixes.back(), "."));
}

}  // namespace

NamedParameters TrainedParameters(const torch::nn::Module& module, const std::string& prefix) {
  NamedParameters trained;
  for (const auto& item : module.named_parameters()) {
    if (item.value().requires_grad()) trained.emplace_back(prefix + item.key(), item.value());
  }
  return trained;
}

bool IsExemptFromDecay(const std::string& name, const at::Tensor& parameter) {
  return parameter.dim() <= 1 || name == "bias" || absl::EndsWith(name, ".bias");
}

bool IsNormalization(const torch::nn::Module& module, const std::string& name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos) return module.as<GroupedBatchNorm>() != nullptr;
  const auto parts = module.named_modules(/*name_prefix=*/"", /*include_self=*/false);
  const auto* owner = parts.find(name.substr(0, dot));
  return owner != nullptr && (*owner)->as<GroupedBatchNorm>() != nullptr;
}

std::vector<ParameterGroup> LayerGroups(const BackboneModule& backbone, const torch::nn::Module& head) {
  const std::vector<std::vector<std::string>> cuts = backbone.layer_groups();
  std::vector<ParameterGroup> groups;
  for (const std::vector<std::string>& prefixes : cuts) groups.push_back({GroupName(prefixes), {}});
  for (auto& parameter : TrainedParameters(backbone, kBackbonePrefix)) {
    const auto takes = [&](const std::vector<std::string>& prefixes) {
      return HasPrefix(parameter.first, prefixes);
    };
    const int takers = static_cast<int>(absl::c_count_if(cuts, takes));
    TORCH_CHECK(takers == 1, parameter.first, " is in ", takers, " of the layer groups of backbone ",
                backbone.options().name, "; each parameter must be in exactly one");
    groups[absl::c_find_if(cuts, takes) - cuts.begin()].parameters.push_back(std::move(parameter));
  }
  groups.push_back({"head", TrainedParameters(head, kHeadPrefix)});
  return groups;
}

}  // namespace pretext
