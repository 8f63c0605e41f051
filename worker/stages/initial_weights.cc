#include "worker/stages/initial_weights.h"

#include <ATen/Context.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/few_names.h"
#include "proto/cpp/status_macros.h"
#include "worker/data/rng.h"
#include "worker/models/safetensors.h"

namespace pretext {
namespace {

constexpr uint32_t kFreshWeightsView = 0xFFFE0000;  // a stream no example's view uses
constexpr int64_t kSmallStemSide = 3;               // of the first convolution
constexpr char kFirstConvolution[] = "conv1.weight";

const v1::InitSpec& InitOf(const v1::Stage& stage) {
  return stage.has_pretrain()   ? stage.pretrain().init()
         : stage.has_finetune() ? stage.finetune().init()
                                : stage.evaluate().init();
}

absl::StatusOr<InitialWeights> ReadWeights(const std::string& path, const std::string& what) {
  PRETEXT_ASSIGN_OR_RETURN(SafetensorsFile file, ReadSafetensors(path));
  InitialWeights weights;
  weights.source = what == path ? path : absl::StrCat(what, " (", path, ")");
  weights.tensors = std::move(file.tensors);
  if (weights.tensors.empty()) return absl::DataLossError(absl::StrCat(path, ": holds no tensors"));
  absl::StatusOr<WeightsCard> card = ParseWeightsCard(file.metadata);
  if (card.ok()) weights.card = *std::move(card);
  return weights;
}

absl::StatusOr<InitialWeights> ReadFileOrOutput(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return ReadWeights(path, path);
  const std::string exported = path + "/exported/backbone.safetensors";
  if (std::filesystem::exists(exported, error)) return ReadWeights(exported, exported);
  return absl::NotFoundError(
      absl::StrCat("init: ", path,
                   " has no exported/backbone.safetensors; name a .safetensors file or the "
                   "output folder of a job that has finished a stage"));
}

// `stage`'s, whole.
absl::StatusOr<InitialWeights> FindWeights(const v1::JobSpec& spec, int stage) {
  const v1::InitSpec& init = InitOf(spec.stages(stage));
  switch (init.from_case()) {
    case v1::InitSpec::kFile:
      return ReadFileOrOutput(init.file());
    case v1::InitSpec::kStage:
      for (int earlier = 0; earlier < stage; ++earlier) {
        if (spec.stages(earlier).name() != init.stage()) continue;
        if (spec.stages(earlier).has_evaluate()) return FindWeights(spec, earlier);
        return ReadWeights(absl::StrCat(spec.output(), "/exported/", init.stage(), ".safetensors"),
                           absl::StrCat("the weights of stage ", init.stage()));
      }
      return absl::InvalidArgumentError(
          absl::StrCat("init: no stage before ", spec.stages(stage).name(), " is called ", init.stage()));
    case v1::InitSpec::kJob:
      return absl::InvalidArgumentError(
          absl::StrCat("init: ", init.job(),
                       " is known to its coordinator only; name its output folder as "
                       "init.file"));
    case v1::InitSpec::kRandom:
    case v1::InitSpec::FROM_NOT_SET:
      break;
  }
  return InitialWeights{"fresh random weights", {}, {}, std::nullopt};
}

// What became of a file's weights.
nlohmann::ordered_json JsonOf(const WeightsReport& report) {
  nlohmann::ordered_json json = {{"loaded", report.loaded.size()},
                                 {"missing", report.missing},
                                 {"other_shapes", report.mismatched},
                                 {"not_used", report.unexpected}};
  if (!report.adapted.empty()) json["adapted"] = report.adapted;
  if (!report.layers.empty()) {
    json["layers"] = report.layers;
    json["fresh"] = report.fresh.size();
    json["left_out"] = report.left_out.size();
  }
  return json;
}

// Whether the weights fit the network at all.
bool Fits(const InitialWeights& weights, const BackboneOptions& options) {
  const absl::StatusOr<Backbone> backbone = MakeBackbone(options);
  return backbone.ok() &&
         LoadBackboneWeights(weights.tensors, weights.source, **backbone, weights.layers).ok();
}

// The side of the filters of the first convolution, whatever prefix its name has; 0: there is none.
int64_t FirstFilterSide(const StateDict& tensors) {
  for (const auto& [name, tensor] : tensors) {
    const size_t at = name.rfind(kFirstConvolution);
    const bool whole = at != std::string::npos && at + sizeof(kFirstConvolution) - 1 == name.size();
    if (whole && (at == 0 || name[at - 1] == '.') && name.find("layer") == std::string::npos &&
        tensor.dim() == 4) {
      return tensor.size(2);
    }
  }
  return 0;
}

}  // namespace

absl::StatusOr<InitialWeights> FindInitialWeights(const v1::JobSpec& spec, int stage) {
  const v1::InitSpec& init = InitOf(spec.stages(stage));
  PRETEXT_ASSIGN_OR_RETURN(InitialWeights weights, FindWeights(spec, stage));
  weights.layers.assign(init.layers().begin(), init.layers().end());
  return weights;
}

absl::StatusOr<BackboneOptions> ChooseBackbone(const InitialWeights& weights, const v1::BackboneSpec& spec,
                                               int in_channels) {
  BackboneOptions options;
  options.in_channels = in_channels;
  if (weights.card.has_value()) {
    options.name = spec.name().empty() ? weights.card->backbone.name : spec.name();
    options.small_stem = spec.stem() == v1::BackboneSpec::STEM_UNSPECIFIED
                             ? weights.card->backbone.small_stem
                             : spec.stem() == v1::BackboneSpec::SMALL;
    return options;
  }
  options.small_stem = spec.stem() == v1::BackboneSpec::SMALL;
  if (spec.stem() == v1::BackboneSpec::STEM_UNSPECIFIED && !weights.is_random()) {
    options.small_stem = FirstFilterSide(weights.tensors) == kSmallStemSide;
  }
  if (!spec.name().empty()) {
    options.name = spec.name();
    return options;
  }
  if (!weights.is_random()) {
    for (const BackboneEntry& entry : Backbones()) {
      options.name = std::string(entry.name);
      if (Fits(weights, options)) return options;
    }
  }
  if (weights.is_random()) {
    return absl::InvalidArgumentError(
        absl::StrCat("backbone: ", weights.source, " need backbone.name to say which network"));
  }
  std::vector<std::string> names;
  for (const auto& [name, tensor] : weights.tensors) names.push_back(name);
  return absl::InvalidArgumentError(absl::StrCat(
      "backbone: ", weights.source, " fit none of the networks, which have torchvision's names (",
      kFirstConvolution, ", layer1.0.conv1.weight, ...); the file has: ", FewNames(names),
      "; set backbone.name to the one they belong to"));
}

absl::StatusOr<InitialBackbone> MakeInitialBackbone(const InitialWeights& weights,
                                                    const BackboneOptions& options, uint64_t seed, int stage,
                                                    c10::Device device) {
  SeedFreshWeights(seed, stage, /*part=*/0);
  InitialBackbone made;
  PRETEXT_ASSIGN_OR_RETURN(made.backbone, MakeBackbone(options));
  made.summary = absl::StrCat(options.name, " from ", weights.source);
  made.found = {{"source", weights.source}};
  if (!weights.is_random()) {
    PRETEXT_ASSIGN_OR_RETURN(const WeightsReport report, LoadBackboneWeights(weights.tensors, weights.source,
                                                                             *made.backbone, weights.layers));
    absl::StrAppend(&made.summary, ": ", report.Summary());
    made.is_partial = report.is_partial();
    made.found.update(JsonOf(report));
  }
  made.backbone->to(device);
  return made;
}

void SeedFreshWeights(uint64_t seed, int stage, int part) { at::manual_seed(PartSeed(seed, stage, part)); }

uint64_t PartSeed(uint64_t seed, int stage, int part) {
  RngKey key;
  key.seed = seed;
  key.stage = static_cast<uint32_t>(stage);
  key.sample = static_cast<uint64_t>(part);
  key.view = kFreshWeightsView;
  return Rng(key).NextUint64();
}

}  // namespace pretext
