#include "worker/models/weights.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "proto/cpp/few_names.h"
#include "proto/cpp/status_macros.h"

namespace pretext {
namespace {

constexpr double kSmallestLoadedShare = 0.95;
constexpr char kFirstConvolution[] = "conv1.weight";

// Parts that tools put before a backbone's names: data parallel, Lightning, MoCo, DINO, BYOL, VISSL.
constexpr absl::string_view kPrefixParts[] = {"module.",  "model.",     "state_dict.",      "backbone.",
                                              "encoder.", "encoder_q.", "base_encoder.",    "online_encoder.",
                                              "student.", "teacher.",   "trunk.",           "net.",
                                              "network.", "resnet.",    "_feature_blocks.", "_orig_mod."};

// The known parts that `name` begins with, all of them.
std::string KnownPrefix(absl::string_view name) {
  const absl::string_view whole = name;
  for (bool found = true; found;) {
    found = false;
    for (absl::string_view part : kPrefixParts) found = absl::ConsumePrefix(&name, part) || found;
  }
  return std::string(whole.substr(0, whole.size() - name.size()));
}

// The prefix under which most of `wanted` are found; the shortest of equals.
std::string BestPrefix(const StateDict& state, const StateDict& wanted) {
  std::map<std::string, int> matches;
  for (const auto& [name, tensor] : state) {
    const std::string prefix = KnownPrefix(name);
    matches[prefix] += wanted.count(name.substr(prefix.size()));
  }
  std::string best;
  int most = 0;
  for (const auto& [prefix, count] : matches) {
    if (count > most || (count == most && prefix.size() < best.size())) {
      best = prefix;
      most = count;
    }
  }
  return best;
}

std::string ShapeText(const at::Tensor& tensor) {
  return absl::StrCat("(", absl::StrJoin(tensor.sizes(), ", "), ")");
}

struct Adapted {
  at::Tensor weight;
  std::string how;
};

// A first convolution for another number of channels, or nothing when only the caller can decide.
std::optional<Adapted> AdaptChannels(const at::Tensor& weight, const at::Tensor& wanted) {
  if (weight.dim() != 4 || wanted.dim() != 4) return std::nullopt;
  const int64_t have = weight.size(1), want = wanted.size(1);
  if (weight.size(0) != wanted.size(0) || weight.sizes().slice(2) != wanted.sizes().slice(2))
    return std::nullopt;
  const std::string change = absl::StrCat("first convolution ", have, " -> ", want, " channels: ");
  if (want == 1) return Adapted{weight.sum(1, /*keepdim=*/true), change + "filters summed"};
  if (have == 1)
    return Adapted{weight.expand_as(wanted) / want,
                   absl::StrCat(change, "filter repeated, divided by ", want)};
  if (have == 3 && want == 2) return Adapted{weight.narrow(1, 0, 2) * 1.5, change + "first two, times 1.5"};
  if (have == 3 && want > 3) {
    at::Tensor wide = at::zeros(wanted.sizes(), weight.options());
    wide.narrow(1, 0, 3).copy_(weight);
    return Adapted{wide, change + "the further ones start at zero"};
  }
  return std::nullopt;
}

// The block that a tensor of a backbone belongs to: stem, layer1 .. layer4.
absl::string_view BlockOf(absl::string_view name) {
  return absl::StartsWith(name, "layer") ? name.substr(0, name.find('.')) : "stem";
}

bool IsAskedFor(absl::string_view name, const std::vector<std::string>& layers) {
  return layers.empty() || std::find(layers.begin(), layers.end(), BlockOf(name)) != layers.end();
}

// Stems of several convolutions have torchvision's names but for conv1, so that all else would be taken.
absl::Status CheckStem(const StateDict& state, const WeightsReport& report, absl::string_view source) {
  if (!IsAskedFor(kFirstConvolution, report.layers)) return absl::OkStatus();
  if (state.count(report.prefix + "conv1.0.weight") == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      source, " has a deep stem: several convolutions (", report.prefix,
      "conv1.0.weight, ...) where torchvision's "
      "ResNets have one, as timm's resnet18d and its like do. Take the weights of the plain network, or name "
      "init.layers without stem; the blocks above then get another input than they were trained on"));
}

absl::Status CheckEnough(const WeightsReport& report, absl::string_view source,
                         const BackboneModule& backbone) {
  const std::set<std::string> loaded(report.loaded.begin(), report.loaded.end());
  int64_t parameters = 0, found = 0;
  for (const auto& item : backbone.named_parameters()) {
    if (!IsAskedFor(item.key(), report.layers)) continue;
    ++parameters;
    found += loaded.count(item.key());
  }
  if (static_cast<double>(found) >= kSmallestLoadedShare * static_cast<double>(parameters)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      source, " does not fit backbone ", backbone.options().name, ": ", found, " of ", parameters,
      " parameters", report.layers.empty() ? "" : absl::StrCat(" of ", absl::StrJoin(report.layers, ", ")),
      " are there under torchvision's names. Missing: ", FewNames(report.missing),
      report.mismatched.empty() ? "" : absl::StrCat("; other shapes: ", FewNames(report.mismatched)),
      report.unexpected.empty() ? "" : absl::StrCat("; the file has: ", FewNames(report.unexpected)),
      ". Choose the backbone that the weights were made with."));
}

std::string JoinNumbers(const std::vector<double>& numbers) {
  return absl::StrJoin(numbers, ",",
                       [](std::string* out, double number) { absl::StrAppendFormat(out, "%.17g", number); });
}

absl::StatusOr<std::string> Required(const std::map<std::string, std::string>& metadata,
                                     const std::string& key) {
  const auto found = metadata.find(key);
  if (found != metadata.end()) return found->second;
  return absl::InvalidArgumentError(
      absl::StrCat("weights: their metadata lack ", key, "; they were not exported by this program"));
}

absl::Status MalformedKey(absl::string_view key, absl::string_view text) {
  return absl::InvalidArgumentError(absl::StrCat("weights: ", key, " is \"", text, "\" in their metadata"));
}

absl::StatusOr<int> RequiredInt(const std::map<std::string, std::string>& metadata, const std::string& key) {
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, Required(metadata, key));
  int number;
  if (!absl::SimpleAtoi(text, &number)) return MalformedKey(key, text);
  return number;
}

absl::StatusOr<std::vector<double>> RequiredNumbers(const std::map<std::string, std::string>& metadata,
                                                    const std::string& key) {
  PRETEXT_ASSIGN_OR_RETURN(const std::string text, Required(metadata, key));
  std::vector<double> numbers;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    numbers.emplace_back();
    if (!absl::SimpleAtod(part, &numbers.back())) return MalformedKey(key, text);
  }
  return numbers;
}

}  // namespace

StateDict MakeStateDict(const torch::nn::Module& module) {
  StateDict state;
  for (const auto& item : module.named_parameters()) state[item.key()] = item.value();
  for (const auto& item : module.named_buffers()) state[item.key()] = item.value();
  return state;
}

bool WeightsReport::is_partial() const {
  // Counts of batches are only used by batch-norm without momentum, and many files have none.
  return std::any_of(missing.begin(), missing.end(),
                     [](const std::string& name) { return !absl::EndsWith(name, "num_batches_tracked"); });
}

std::string WeightsReport::Summary() const {
  std::string text = absl::StrCat(loaded.size(), " tensors loaded");
  if (!prefix.empty()) absl::StrAppend(&text, " (names without ", prefix, ")");
  absl::StrAppend(&text, ", ", missing.size(), " missing");
  if (!missing.empty()) absl::StrAppend(&text, " (", FewNames(missing), ")");
  absl::StrAppend(&text, ", ", unexpected.size(), " not used");
  if (!unexpected.empty()) absl::StrAppend(&text, " (", FewNames(unexpected), ")");
  if (!mismatched.empty()) absl::StrAppend(&text, ", other shapes: ", FewNames(mismatched));
  if (!adapted.empty()) absl::StrAppend(&text, "; ", adapted);
  if (!layers.empty()) {
    absl::StrAppend(&text, "; only ", absl::StrJoin(layers, ", "), " as asked: ", fresh.size(),
                    " tensors stay fresh, ", left_out.size(), " of the file are left out");
  }
  if (is_partial()) absl::StrAppend(&text, "; what is missing stays fresh");
  return text;
}

absl::StatusOr<WeightsReport> LoadBackboneWeights(const StateDict& state, absl::string_view source,
                                                  BackboneModule& backbone,
                                                  const std::vector<std::string>& layers) {
  const StateDict wanted = MakeStateDict(backbone);
  WeightsReport report;
  report.layers = layers;
  report.prefix = BestPrefix(state, wanted);
  PRETEXT_RETURN_IF_ERROR(CheckStem(state, report, source));
  StateDict fitting;
  for (const auto& [name, tensor] : state) {
    const std::string own = absl::StartsWith(name, report.prefix) ? name.substr(report.prefix.size()) : "";
    const auto target = wanted.find(own);
    if (target == wanted.end()) {
      report.unexpected.push_back(name);
    } else if (!IsAskedFor(own, layers)) {
      report.left_out.push_back(name);
    } else if (tensor.sizes() == target->second.sizes()) {
      fitting[own] = tensor;
    } else if (auto adapted =
                   own == kFirstConvolution ? AdaptChannels(tensor, target->second) : std::nullopt) {
      fitting[own] = adapted->weight;
      report.adapted = adapted->how;
    } else {
      report.mismatched.push_back(
          absl::StrCat(own, ": ", ShapeText(tensor), " in the file, ", ShapeText(target->second), " here"));
    }
  }
  for (const auto& [name, tensor] : wanted) {
    if (!IsAskedFor(name, layers)) {
      report.fresh.push_back(name);
      continue;
    }
    (fitting.count(name) > 0 ? report.loaded : report.missing).push_back(name);
  }
  PRETEXT_RETURN_IF_ERROR(CheckEnough(report, source, backbone));
  at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : fitting) wanted.at(name).copy_(tensor);
  return report;
}

std::map<std::string, std::string> WeightsCard::ToMetadata() const {
  return {
      {"pretext.architecture", backbone.name},
      {"pretext.in_channels", absl::StrCat(backbone.in_channels)},
      {"pretext.stem", backbone.small_stem ? "small" : "standard"},
      {"pretext.mean", JoinNumbers(mean)},
      {"pretext.std", JoinNumbers(std)},
      {"pretext.image_size", absl::StrCat(image_size)},
      {"pretext.weights", weights},
      {"pretext.task", task},
      {"pretext.job_digest", job_digest},
  };
}

absl::StatusOr<WeightsCard> ParseWeightsCard(const std::map<std::string, std::string>& metadata) {
  WeightsCard card;
  PRETEXT_ASSIGN_OR_RETURN(card.backbone.name, Required(metadata, "pretext.architecture"));
  PRETEXT_ASSIGN_OR_RETURN(card.backbone.in_channels, RequiredInt(metadata, "pretext.in_channels"));
  PRETEXT_ASSIGN_OR_RETURN(const std::string stem, Required(metadata, "pretext.stem"));
  if (stem != "small" && stem != "standard") return MalformedKey("pretext.stem", stem);
  card.backbone.small_stem = stem == "small";
  PRETEXT_ASSIGN_OR_RETURN(card.mean, RequiredNumbers(metadata, "pretext.mean"));
  PRETEXT_ASSIGN_OR_RETURN(card.std, RequiredNumbers(metadata, "pretext.std"));
  PRETEXT_ASSIGN_OR_RETURN(card.image_size, RequiredInt(metadata, "pretext.image_size"));
  PRETEXT_ASSIGN_OR_RETURN(card.weights, Required(metadata, "pretext.weights"));
  PRETEXT_ASSIGN_OR_RETURN(card.task, Required(metadata, "pretext.task"));
  PRETEXT_ASSIGN_OR_RETURN(card.job_digest, Required(metadata, "pretext.job_digest"));
  return card;
}

}  // namespace pretext
