#include "worker/tasks/context_prediction.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/augment/crop_resize.h"
#include "worker/augment/planes.h"
#include "worker/augment/view_pipeline.h"
#include "worker/losses/cross_entropy.h"
#include "worker/models/heads.h"
#include "worker/tasks/tiles.h"

namespace pretext {
namespace {

constexpr int kGrid = 3;
constexpr int kPatches = kGrid * kGrid;
constexpr int kSides = 8;
constexpr int kSmallestPatch = 6;  // pixels, below which there is nothing to see
constexpr int kPatchViews = 1;     // the view's own draws come first
constexpr int kFewestPixels = 10;  // a patch made coarse keeps so many a side

// Pixels from the first patch's edge to the last's, jitter included.
int SideNeeded(int patch, int gap, int jitter) { return kGrid * patch + (kGrid - 1) * gap + 2 * jitter; }
int GapOfPatch(int patch) { return std::max(1, patch / 2); }
int JitterOfPatch(int patch) { return std::max(1, static_cast<int>(std::lround(0.07 * patch))); }

// The patch made coarse and fine again, so that how sharp it is says nothing about where it was.
class Coarsener {
 public:
  void Apply(int size, int channels, Rng& rng, absl::Span<uint8_t> patch) {
    const int fewest = std::min(kFewestPixels, size - 1);
    const int coarse = fewest + static_cast<int>(rng.Below(size - fewest));
    Image image{size, size, channels, std::vector<uint8_t>(patch.begin(), patch.end())};
    resizer_.Resize(image, {0, 0, size, size}, coarse, &planes_);
    image = {coarse, coarse, channels, Bytes(channels)};
    resizer_.Resize(image, {0, 0, coarse, coarse}, size, &planes_);
    const std::vector<uint8_t> fine = Bytes(channels);
    std::copy(fine.begin(), fine.end(), patch.begin());
  }

 private:
  std::vector<uint8_t> Bytes(int channels) const {
    const int size = planes_.width();
    std::vector<uint8_t> bytes(static_cast<size_t>(size) * size * channels);
    for (int c = 0; c < channels; ++c) {
      for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
          const int value = (planes_.row(c, y)[x] + kPixelOne / 2) / kPixelOne;
          bytes[(static_cast<size_t>(y) * size + x) * channels + c] =
              static_cast<uint8_t>(std::clamp(value, 0, 255));
        }
      }
    }
    return bytes;
  }

  CropResizer resizer_;
  Planes planes_;
};

// Mean 0 for each channel, mean square 1 over all; a flat patch is all zeros.
void ScalePatch(int channels, absl::Span<float> patch) {
  const size_t pixels = patch.size() / channels;
  double squares = 0;
  for (int c = 0; c < channels; ++c) {
    double sum = 0;
    for (size_t i = c; i < patch.size(); i += channels) sum += patch[i];
    const float mean = static_cast<float>(sum / pixels);
    for (size_t i = c; i < patch.size(); i += channels) {
      patch[i] -= mean;
      squares += double{patch[i]} * patch[i];
    }
  }
  const double scale = 1 / std::sqrt(std::max(squares / patch.size(), 1.0));
  for (float& value : patch) value = static_cast<float>(value * scale);
}

class ContextViewBuilder : public ViewBuilder {
 public:
  explicit ContextViewBuilder(const TaskContext& context)
      : spec_(context.spec.context_prediction()),
        side_(context.image_size),
        channels_(context.dataset->channels()),
        pipeline_(spec_.augment(), side_, channels_),
        layout_({{"patches", ElementType::kFloat32, {kPatches, spec_.patch(), spec_.patch(), channels_}}}) {}

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    std::vector<uint8_t> view(pipeline_.bytes());
    Rng view_rng(key);
    pipeline_.Render(*sample.image, view_rng, absl::MakeSpan(view));
    RngKey patch_key = key;
    patch_key.view += kPatchViews;
    Rng rng(patch_key);
    const int free = side_ - SideNeeded(spec_.patch(), spec_.gap(), spec_.jitter());
    const int top = spec_.jitter() + static_cast<int>(rng.Below(free + 1));
    const int left = spec_.jitter() + static_cast<int>(rng.Below(free + 1));
    const int64_t values = int64_t{spec_.patch()} * spec_.patch() * channels_;
    for (int i = 0; i < kPatches; ++i) {
      TilePlace place;
      place.top = top + i / kGrid * (spec_.patch() + spec_.gap()) + DrawJitter(rng);
      place.left = left + i % kGrid * (spec_.patch() + spec_.gap()) + DrawJitter(rng);
      CutPatch(view, place, rng, slot.field<float>(0).subspan(i * values, values));
    }
  }

 private:
  int DrawJitter(Rng& rng) const {
    return static_cast<int>(rng.Below(2 * spec_.jitter() + 1)) - spec_.jitter();
  }

  void CutPatch(absl::Span<const uint8_t> view, const TilePlace& place, Rng& rng,
                absl::Span<float> patch) const {
    thread_local Coarsener coarsener;
    std::vector<uint8_t> bytes(patch.size());
    CutTile(view, side_, channels_, place, spec_.patch(), absl::MakeSpan(bytes));
    if (rng.Chance(spec_.coarse_probability())) {
      coarsener.Apply(spec_.patch(), channels_, rng, absl::MakeSpan(bytes));
    }
    std::copy(bytes.begin(), bytes.end(), patch.begin());
    if (channels_ == 3 && spec_.color() == v1::ContextPredictionSpec::DROP) {
      DropColors(static_cast<int>(rng.Below(3)), rng, patch);
    } else if (channels_ == 3 && spec_.color() == v1::ContextPredictionSpec::PROJECT) {
      ProjectColors(patch);
    }
    ScalePatch(channels_, patch);
  }

  v1::ContextPredictionSpec spec_;
  int side_, channels_;
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

// Two patches' features, one after the other, through layers that only here see both: the paper's late
// fusion.
class ContextModule : public torch::nn::Module {
 public:
  explicit ContextModule(int features)
      : pair(register_module("pair", std::make_shared<LinearHead>(2 * features, kPairFeatures))),
        side(register_module("side", std::make_shared<MlpHead>(kPairFeatures, kPairFeatures, kSides))) {}

  static constexpr int kPairFeatures = 512;
  std::shared_ptr<LinearHead> pair;
  std::shared_ptr<MlpHead> side;
};

class ContextPrediction : public PretextTask {
 public:
  explicit ContextPrediction(const TrainContext& train)
      : backbone_(train.backbone),
        pairs_(NeighbourPairs()),
        module_(std::make_shared<ContextModule>(backbone_->feature_size())) {
    module_->to(train.device);
    std::vector<int64_t> first, second, side;
    for (const NeighbourPair& pair : pairs_) {
      first.push_back(pair.first);
      second.push_back(pair.second);
      side.push_back(pair.side);
    }
    first_ = at::tensor(first, at::kLong).to(train.device);
    second_ = at::tensor(second, at::kLong).to(train.device);
    sides_ = at::tensor(side, at::kLong).to(train.device);
  }

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor logits = output.predictions.transpose(1, 2).flatten(0, 1);
    const at::Tensor targets = Targets(batch);
    output.loss = CrossEntropy(logits, targets);
    at::NoGradGuard no_grad;
    output.metrics = {{"accuracy", logits.argmax(1).eq(targets).to(at::kFloat).mean()}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  std::optional<PixelQuestion> AskOfPixels(const Batch& batch) const override {
    const at::Tensor patches = Inputs(batch).unflatten(0, {-1, kPatches});
    const at::Tensor pairs =
        at::stack({patches.index_select(1, first_), patches.index_select(1, second_)}, 2);
    return PixelQuestion{pairs.flatten(0, 1), Targets(batch), kSides};
  }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return std::log(kSides); }

 private:
  at::Tensor Inputs(const Batch& batch) const { return batch.fields[0].flatten(0, 1).permute({0, 3, 1, 2}); }
  at::Tensor Targets(const Batch& batch) const { return sides_.repeat({batch.fields[0].size(0)}); }

  Answers AnswerTo(const Batch& batch) {
    const int64_t pictures = batch.fields[0].size(0);
    const at::Tensor features = backbone_->Forward(Inputs(batch)).view({pictures, kPatches, -1});
    const at::Tensor both =
        at::cat({features.index_select(1, first_), features.index_select(1, second_)}, 2).flatten(0, 1);
    const at::Tensor logits = module_->side->Forward(at::relu(module_->pair->Forward(both)));
    return {logits.view({pictures, static_cast<int64_t>(pairs_.size()), kSides}).transpose(1, 2),
            features.mean(1)};
  }

  Backbone backbone_;
  std::vector<NeighbourPair> pairs_;
  std::shared_ptr<ContextModule> module_;
  at::Tensor first_, second_, sides_;  // of the pairs
};

}  // namespace

std::vector<NeighbourPair> NeighbourPairs() {
  std::vector<NeighbourPair> pairs;
  for (int first = 0; first < kPatches; ++first) {
    for (int side = 0; side < kSides; ++side) {
      const int place = side < 4 ? side : side + 1;  // in the 3 x 3 around the first
      const int row = first / kGrid + place / 3 - 1, column = first % kGrid + place % 3 - 1;
      if (row < 0 || row >= kGrid || column < 0 || column >= kGrid) continue;
      pairs.push_back({first, row * kGrid + column, side});
    }
  }
  return pairs;
}

void DropColors(int kept, Rng& rng, absl::Span<float> patch) {
  double sum = 0;
  for (size_t i = kept; i < patch.size(); i += 3) sum += patch[i];
  const float mean = static_cast<float>(sum / (patch.size() / 3));
  for (size_t i = 0; i < patch.size(); ++i) {
    patch[i] = static_cast<int>(i % 3) == kept ? patch[i] - mean : rng.Uniform() - 0.5f;
  }
}

void ProjectColors(absl::Span<float> patch) {
  for (size_t i = 0; i < patch.size(); i += 3) {
    // x - a (a x) / (a a) with a = (-1, 2, -1)
    const float along = (-patch[i] + 2 * patch[i + 1] - patch[i + 2]) / 6;
    patch[i] += along;
    patch[i + 1] -= 2 * along;
    patch[i + 2] += along;
  }
}

absl::StatusOr<std::vector<ResolvedField>> ResolveContextPrediction(const TaskSizes& sizes,
                                                                    v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::ContextPredictionSpec* context = spec->mutable_context_prediction();
  const auto gap = [&](int patch) { return context->has_gap() ? context->gap() : GapOfPatch(patch); };
  const auto jitter = [&](int patch) {
    return context->has_jitter() ? context->jitter() : JitterOfPatch(patch);
  };
  if (!context->has_patch()) {
    int patch = 1;
    while (SideNeeded(patch + 1, gap(patch + 1), jitter(patch + 1)) <= sizes.image_size) ++patch;
    context->set_patch(patch);
    fields.push_back(
        {"patch", absl::StrCat("from image_size: the largest that fit into ", sizes.image_size, " pixels")});
  }
  if (!context->has_gap()) {
    context->set_gap(GapOfPatch(context->patch()));
    fields.push_back({"gap", "from patch: half of it"});
  }
  if (!context->has_jitter()) {
    context->set_jitter(JitterOfPatch(context->patch()));
    fields.push_back({"jitter", "from patch: 7 % of it"});
  }
  return fields;
}

absl::Status CheckContextPrediction(const TaskContext& context) {
  const v1::ContextPredictionSpec& spec = context.spec.context_prediction();
  const int needed = SideNeeded(spec.patch(), spec.gap(), spec.jitter());
  if (needed > context.image_size) {
    return absl::InvalidArgumentError(absl::StrCat(
        "context_prediction: three patches of ", spec.patch(), " pixels with gaps of ", spec.gap(),
        " and a jitter of ", spec.jitter(), " need pictures of ", needed, " pixels; image_size is ",
        context.image_size, ": raise it, or lower patch, gap or jitter"));
  }
  if (spec.patch() < kSmallestPatch) {
    return absl::InvalidArgumentError(absl::StrCat("context_prediction: patches of ", spec.patch(),
                                                   " pixels show nothing; at least ", kSmallestPatch,
                                                   " are needed: raise image_size, or lower gap or jitter"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeContextPredictionViewBuilder(const TaskContext& context) {
  return std::make_unique<ContextViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeContextPrediction(const TaskContext& /*context*/,
                                                                   const TrainContext& train) {
  return std::make_unique<ContextPrediction>(train);
}

}  // namespace pretext
