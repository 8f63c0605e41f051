#include "worker/tasks/jigsaw.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/where.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/augment/view_pipeline.h"
#include "worker/losses/cross_entropy.h"
#include "worker/models/heads.h"
#include "worker/tasks/tiles.h"

namespace pretext {
namespace {

constexpr int kPuzzleViews = 1;  // the view's own draws come first

TileGrid GridOf(const TaskContext& context) {
  const v1::JigsawSpec& spec = context.spec.jigsaw();
  return {spec.grid(), context.image_size / spec.grid(), spec.gap()};
}

class JigsawViewBuilder : public ViewBuilder {
 public:
  explicit JigsawViewBuilder(const TaskContext& context)
      : spec_(context.spec.jigsaw()),
        grid_(GridOf(context)),
        side_(context.image_size),
        channels_(context.dataset->channels()),
        pipeline_(spec_.augment(), side_, channels_),
        orders_(JigsawOrders(spec_)),
        layout_({{"tiles", ElementType::kUint8, {grid_.tiles(), grid_.tile(), grid_.tile(), channels_}},
                 {"order", ElementType::kInt64, {}},
                 {"occluded", ElementType::kUint8, {grid_.tiles()}}}) {}

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    std::vector<uint8_t> view(pipeline_.bytes());
    Rng view_rng(key);
    pipeline_.Render(*sample.image, view_rng, absl::MakeSpan(view));
    RngKey puzzle_key = key;
    puzzle_key.view += kPuzzleViews;
    Rng rng(puzzle_key);
    const int64_t number = static_cast<int64_t>(rng.Below(orders_.size()));
    slot.field<int64_t>(1)[0] = number;
    const int64_t bytes = int64_t{grid_.tile()} * grid_.tile() * channels_;
    std::vector<TilePlace> places;
    for (int i = 0; i < grid_.tiles(); ++i)
      places.push_back(DrawTilePlace(grid_, i, spec_.channel_shift(), rng));
    for (int i = 0; i < grid_.tiles(); ++i) {
      CutTile(view, side_, channels_, places[orders_[number][i]], grid_.tile(),
              slot.field<uint8_t>(0).subspan(i * bytes, bytes));
    }
    const absl::Span<uint8_t> occluded = slot.field<uint8_t>(2);
    std::fill(occluded.begin(), occluded.end(), uint8_t{0});
    const std::vector<int64_t> hit = rng.Permutation(grid_.tiles());
    const int count = static_cast<int>(rng.Below(spec_.occluded_tiles() + 1));
    for (int i = 0; i < count; ++i) occluded[hit[i]] = 1;
  }

 private:
  v1::JigsawSpec spec_;
  TileGrid grid_;
  int side_, channels_;
  ViewPipeline pipeline_;
  std::vector<TileOrder> orders_;
  BatchLayout layout_;
};

// The paper's context-free network above the trunk: a layer a tile with shared weights, then two that see all
// tiles in the order shown.
class JigsawModule : public torch::nn::Module {
 public:
  JigsawModule(int features, int tiles, int orders)
      : tile(register_module("tile", std::make_shared<LinearHead>(features, kTileFeatures))),
        puzzle(register_module("puzzle",
                               std::make_shared<MlpHead>(tiles * kTileFeatures, kPuzzleFeatures, orders))) {}

  static constexpr int kTileFeatures = 256;
  static constexpr int kPuzzleFeatures = 1024;
  std::shared_ptr<LinearHead> tile;
  std::shared_ptr<MlpHead> puzzle;
};

class Jigsaw : public PretextTask {
 public:
  Jigsaw(const TaskContext& context, const TrainContext& train)
      : backbone_(train.backbone),
        tiles_(GridOf(context).tiles()),
        orders_(context.spec.jigsaw().permutations()),
        occludes_(context.spec.jigsaw().occluded_tiles() > 0),
        module_(std::make_shared<JigsawModule>(backbone_->feature_size(), tiles_, orders_)) {
    module_->to(train.device);
  }

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    output.loss = CrossEntropy(output.predictions, batch.fields[1]);
    at::NoGradGuard no_grad;
    output.metrics = {{"accuracy", output.predictions.argmax(1).eq(batch.fields[1]).to(at::kFloat).mean()}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  std::optional<PixelQuestion> AskOfPixels(const Batch& batch) const override {
    const at::Tensor tiles = StandardizeTiles(Tiles(batch, /*groups=*/1).flatten(0, 1));
    return PixelQuestion{tiles.unflatten(0, {-1, tiles_}), batch.fields[1], orders_};
  }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return std::log(orders_); }

 private:
  at::Tensor Tiles(const Batch& batch, int groups) const {
    return occludes_ ? OccludeTiles(batch.fields[0], batch.fields[2], groups) : batch.fields[0];
  }

  Answers AnswerTo(const Batch& batch) {
    const at::Tensor tiles = Tiles(batch, backbone_->options().bn_groups);
    const int64_t pictures = tiles.size(0);
    const at::Tensor features = backbone_->Forward(StandardizeTiles(tiles.flatten(0, 1)));
    const at::Tensor seen = at::relu(module_->tile->Forward(features)).view({pictures, -1});
    return {module_->puzzle->Forward(seen), features.view({pictures, tiles_, -1}).mean(1)};
  }

  Backbone backbone_;
  int tiles_, orders_;
  bool occludes_;
  std::shared_ptr<JigsawModule> module_;
};

}  // namespace

std::vector<TileOrder> JigsawOrders(const v1::JigsawSpec& spec) {
  const bool by_mean = spec.rule() == v1::JigsawSpec::MAX_MEAN;
  return ChoosePermutations(spec.grid() * spec.grid(), spec.permutations(),
                            by_mean ? PermutationRule::kMaxMean : PermutationRule::kMaxMin);
}

at::Tensor OccludeTiles(const at::Tensor& tiles, const at::Tensor& occluded, int groups) {
  const int64_t pictures = tiles.size(0);
  const at::Tensor others =
      tiles.reshape({groups, pictures / groups, -1}).roll(1, /*dims=*/1).reshape(tiles.sizes());
  std::vector<int64_t> shape(tiles.dim(), 1);
  shape[0] = pictures;
  shape[1] = tiles.size(1);
  return at::where(occluded.view(shape).to(at::kBool), others, tiles);
}

absl::StatusOr<std::vector<ResolvedField>> ResolveJigsaw(const TaskSizes& sizes, v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::JigsawSpec* jigsaw = spec->mutable_jigsaw();
  const std::string origin = absl::StrCat("from image_size: ", sizes.image_size, " pixels");
  if (!jigsaw->has_grid()) {
    jigsaw->set_grid(DefaultGrid(sizes.image_size));
    fields.push_back({"grid", origin});
  }
  const int cell = sizes.image_size / jigsaw->grid();
  if (!jigsaw->has_gap()) {
    jigsaw->set_gap(DefaultGap(cell));
    fields.push_back({"gap", absl::StrCat("from image_size: cells of ", cell, " pixels")});
  }
  if (!jigsaw->has_channel_shift()) {
    jigsaw->set_channel_shift(std::clamp((cell - jigsaw->gap()) / 32, 0, jigsaw->gap()));
    fields.push_back(
        {"channel_shift", absl::StrCat("from image_size: tiles of ", cell - jigsaw->gap(), " pixels")});
  }
  if (!jigsaw->has_permutations()) {
    jigsaw->set_permutations(jigsaw->grid() == 2 ? 24 : 100);
    fields.push_back(
        {"permutations", absl::StrCat("from grid: ", jigsaw->grid() * jigsaw->grid(), " tiles")});
  }
  return fields;
}

absl::Status CheckJigsaw(const TaskContext& context) {
  return CheckTiles("jigsaw", GridOf(context), context.image_size);
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeJigsawViewBuilder(const TaskContext& context) {
  return std::make_unique<JigsawViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeJigsaw(const TaskContext& context,
                                                        const TrainContext& train) {
  return std::make_unique<Jigsaw>(context, train);
}

}  // namespace pretext
