#include "worker/tasks/pirl.h"

#include <torch/nn/module.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/models/heads.h"
#include "worker/models/normalize.h"
#include "worker/models/unit_rows.h"
#include "worker/tasks/instance_bank.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/tiles.h"

namespace pretext {
namespace {

constexpr int64_t kNegatives = 32000;  // the paper's
constexpr int kCopyView = 1;           // the picture's own draws come first
constexpr int kChangeView = 2;

bool IsJigsaw(const TaskContext& context) { return context.spec.pirl().change() == v1::PirlSpec::JIGSAW; }

TileGrid GridOf(const TaskContext& context) {
  const v1::PirlSpec& spec = context.spec.pirl();
  return {spec.grid(), context.image_size / spec.grid(), spec.gap()};
}

// Turns a square picture counter-clockwise by so many quarters, without interpolation.
void Turn(absl::Span<const uint8_t> picture, int side, int channels, int quarters, absl::Span<uint8_t> out) {
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      int from_y = y, from_x = x;
      for (int i = 0; i < quarters; ++i) {
        const int turned = side - 1 - from_y;
        from_y = from_x;
        from_x = turned;
      }
      const uint8_t* from = &picture[(static_cast<size_t>(from_y) * side + from_x) * channels];
      std::copy_n(from, channels, &out[(static_cast<size_t>(y) * side + x) * channels]);
    }
  }
}

class PirlViewBuilder : public ViewBuilder {
 public:
  explicit PirlViewBuilder(const TaskContext& context)
      : jigsaw_(IsJigsaw(context)),
        grid_(GridOf(context)),
        side_(context.image_size),
        channels_(context.dataset->channels()),
        pipeline_(context.spec.pirl().augment(), side_, channels_),
        copy_pipeline_(context.spec.pirl().copy_augment(), side_, channels_) {
    layout_.push_back({"picture", ElementType::kUint8, {side_, side_, channels_}});
    if (jigsaw_) {
      layout_.push_back(
          {"copy", ElementType::kUint8, {grid_.tiles(), grid_.tile(), grid_.tile(), channels_}});
    } else {
      layout_.push_back({"copy", ElementType::kUint8, {1, side_, side_, channels_}});
    }
  }

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    Rng rng(key);
    pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(0));
    RngKey copy_key = key, change_key = key;
    copy_key.view += kCopyView;
    change_key.view += kChangeView;
    Rng copy_rng(copy_key), change_rng(change_key);
    std::vector<uint8_t> copy(copy_pipeline_.bytes());
    copy_pipeline_.Render(*sample.image, copy_rng, absl::MakeSpan(copy));
    if (jigsaw_) {
      Shuffle(copy, change_rng, slot.field<uint8_t>(1));
    } else {
      Turn(copy, side_, channels_, static_cast<int>(change_rng.Below(4)), slot.field<uint8_t>(1));
    }
  }

 private:
  void Shuffle(absl::Span<const uint8_t> view, Rng& rng, absl::Span<uint8_t> out) const {
    const int64_t bytes = int64_t{grid_.tile()} * grid_.tile() * channels_;
    const std::vector<int64_t> order = rng.Permutation(grid_.tiles());
    for (int i = 0; i < grid_.tiles(); ++i) {
      const TilePlace place = DrawTilePlace(grid_, static_cast<int>(order[i]), /*channel_shift=*/0, rng);
      CutTile(view, side_, channels_, place, grid_.tile(), out.subspan(i * bytes, bytes));
    }
  }

  bool jigsaw_;
  TileGrid grid_;
  int side_, channels_;
  ViewPipeline pipeline_, copy_pipeline_;
  BatchLayout layout_;
};

class PirlModule : public torch::nn::Module {
 public:
  // `parts` of a copy, each with a vector of its own, which a last layer makes one of.
  PirlModule(int features, int size, int parts, int64_t pictures, uint64_t seed)
      : picture(register_module("picture", std::make_shared<LinearHead>(features, size))),
        part(register_module("part", std::make_shared<LinearHead>(features, size))),
        bank(register_module("bank", std::make_shared<MemoryBank>(pictures, size, seed))) {
    if (parts > 1) whole = register_module("whole", std::make_shared<LinearHead>(parts * size, size));
  }

  std::shared_ptr<LinearHead> picture, part, whole;  // whole: null for one part
  std::shared_ptr<MemoryBank> bank;
};

class Pirl : public PretextTask {
 public:
  Pirl(double copy_share, const InstanceBankOptions& options, const TrainContext& train,
       std::shared_ptr<PirlModule> module)
      : copy_share_(copy_share),
        backbone_(train.backbone),
        normalization_(NormalizationFor(backbone_->options().in_channels)),
        module_(std::move(module)),
        bank_(options, module_->bank, train.process_group) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor picture = UnitRows(module_->picture->Forward(output.features));
    const BankContrast of_picture = bank_.Compare(batch, picture);
    const BankContrast of_copy = bank_.Compare(batch, EncodeCopy(batch.fields[1]));
    PRETEXT_RETURN_IF_ERROR(bank_.Remember(batch, picture));
    output.loss = of_copy.loss * copy_share_ + of_picture.loss * (1 - copy_share_);
    output.metrics = {{"accuracy", of_copy.accuracy},
                      {"picture_accuracy", of_picture.accuracy},
                      {"positive_similarity", of_copy.positive_similarity},
                      {"negative_similarity", of_picture.negative_similarity}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  // The task is itself that a picture and its copy agree.
  PredictionKind predicts() const override { return PredictionKind::kNone; }
  void AfterOptimizerStep(const Step& /*step*/) override { bank_.Learn(); }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return bank_.chance_loss(); }

 private:
  // Of the picture, not of the copy.
  Answers AnswerTo(const Batch& batch) { return {{}, Features(batch.fields[0])}; }

  at::Tensor Features(const at::Tensor& pictures) {
    return backbone_->Forward(NormalizeImages(pictures, normalization_.mean, normalization_.std));
  }

  // parts (B, P, ...) -> (B, size) of unit length.
  at::Tensor EncodeCopy(const at::Tensor& parts) {
    const at::Tensor vectors = module_->part->Forward(Features(parts.flatten(0, 1)));
    if (module_->whole == nullptr) return UnitRows(vectors);
    return UnitRows(module_->whole->Forward(vectors.view({parts.size(0), -1})));
  }

  double copy_share_;
  Backbone backbone_;
  Normalization normalization_;
  std::shared_ptr<PirlModule> module_;
  InstanceBank bank_;
};

}  // namespace

absl::StatusOr<std::vector<ResolvedField>> ResolvePirl(const TaskSizes& sizes, v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::PirlSpec* pirl = spec->mutable_pirl();
  if (!pirl->has_negatives()) {
    pirl->set_negatives(static_cast<int32_t>(FittingNegatives(kNegatives, sizes.pictures)));
    fields.push_back({"negatives", absl::StrCat("from the data: ", sizes.pictures, " pictures")});
  }
  if (!pirl->has_grid()) {
    pirl->set_grid(DefaultGrid(sizes.image_size));
    fields.push_back({"grid", absl::StrCat("from image_size: ", sizes.image_size, " pixels")});
  }
  if (!pirl->has_gap()) {
    const int cell = sizes.image_size / pirl->grid();
    pirl->set_gap(DefaultGap(cell));
    fields.push_back({"gap", absl::StrCat("from image_size: cells of ", cell, " pixels")});
  }
  return fields;
}

absl::Status CheckPirl(const TaskContext& context) {
  PRETEXT_RETURN_IF_ERROR(CheckNegatives("pirl", context.spec.pirl().negatives(), context.dataset->size()));
  return IsJigsaw(context) ? CheckTiles("pirl", GridOf(context), context.image_size) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakePirlViewBuilder(const TaskContext& context) {
  return std::make_unique<PirlViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakePirl(const TaskContext& context, const TrainContext& train) {
  const v1::PirlSpec& spec = context.spec.pirl();
  const InstanceBankOptions options = BankOptionsOf(spec, context);
  auto module = std::make_shared<PirlModule>(train.backbone->feature_size(), spec.embedding_size(),
                                             IsJigsaw(context) ? GridOf(context).tiles() : 1,
                                             context.dataset->size(), context.seed);
  module->to(train.device);
  return std::make_unique<Pirl>(spec.copy_share(), options, train, std::move(module));
}

}  // namespace pretext
