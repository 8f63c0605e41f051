#include "worker/tasks/inpainting.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/where.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/models/batch_norm.h"
#include "worker/models/channelwise_linear.h"
#include "worker/models/map_sides.h"
#include "worker/models/normalize.h"
#include "worker/tasks/enlarging_convolutions.h"
#include "worker/tasks/fill_adversary.h"
#include "worker/tasks/holes.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/pixel_statistics.h"

namespace pretext {
namespace {

constexpr int kHoleView = 1;  // the view's own draws come first
constexpr int kSmallestSide = 8;
constexpr double kRimShare = 0.03;  // of a picture's side

class InpaintingViewBuilder : public ViewBuilder {
 public:
  explicit InpaintingViewBuilder(const TaskContext& context)
      : spec_(context.spec.inpainting()),
        side_(context.image_size),
        pipeline_(spec_.augment(), side_, context.dataset->channels()),
        layout_({{"picture", ElementType::kUint8, {side_, side_, context.dataset->channels()}},
                 {"hole", ElementType::kUint8, {side_, side_, 1}}}) {}

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    Rng rng(key);
    pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(0));
    RngKey hole_key = key;
    hole_key.view += kHoleView;
    Rng hole_rng(hole_key);
    const absl::Span<uint8_t> hole = slot.field<uint8_t>(1);
    if (hole_rng.Chance(spec_.whole_share())) {
      std::fill(hole.begin(), hole.end(), kKnown);
    } else {
      DrawHole(spec_, side_, hole_rng, hole);
    }
  }

 private:
  v1::InpaintingSpec spec_;
  int side_;
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

// From a backbone's deepest map to a picture.
class HoleFiller : public torch::nn::Module {
 public:
  HoleFiller(int map_channels, int64_t map_side, int side, int channels)
      : enlarge_(std::make_shared<EnlargingConvolutions>(map_side, side, channels)) {
    across_ = register_module("across", std::make_shared<ChannelwiseLinear>(map_channels, map_side));
    mix_ = register_module("mix", torch::nn::Conv2d(torch::nn::Conv2dOptions(
                                      map_channels, enlarge_->first_width(), /*kernel_size=*/1)));
    register_module("enlarge", enlarge_);
  }

  at::Tensor Forward(const at::Tensor& map) {
    const int64_t side = enlarge_->first_side();
    at::Tensor mixed = at::relu(mix_->forward(at::relu(across_->Forward(map))));
    if (mixed.size(2) != side) mixed = at::upsample_nearest2d(mixed, {side, side});
    return enlarge_->Forward(mixed);
  }

 private:
  std::shared_ptr<EnlargingConvolutions> enlarge_;
  std::shared_ptr<ChannelwiseLinear> across_;
  torch::nn::Conv2d mix_{nullptr};
};

// The data's statistics are measured once and kept by checkpoints.
class InpaintingModule : public torch::nn::Module {
 public:
  InpaintingModule(std::shared_ptr<HoleFiller> filler, std::shared_ptr<FillAdversary> adversary,
                   const PixelStatistics& pixels)
      : filler(register_module("filler", std::move(filler))),
        adversary(std::move(adversary)),
        mean(register_buffer("mean", at::tensor(pixels.mean).to(at::kFloat))),
        deviation(register_buffer("deviation", at::tensor(pixels.deviation).to(at::kFloat))) {
    if (this->adversary != nullptr) register_module("adversary", this->adversary);
  }

  std::shared_ptr<HoleFiller> filler;
  std::shared_ptr<FillAdversary> adversary;  // null without
  at::Tensor mean, deviation;                // (channels), grey levels
};

class Inpainting : public PretextTask {
 public:
  Inpainting(const v1::InpaintingSpec& spec, const TrainContext& train,
             std::shared_ptr<InpaintingModule> module)
      : spec_(spec),
        backbone_(train.backbone),
        process_group_(train.process_group),
        normalization_(NormalizationFor(backbone_->options().in_channels)),
        module_(std::move(module)) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor holes = batch.fields[1].permute({0, 3, 1, 2});
    const at::Tensor missing = holes.eq(kMissing).to(at::kFloat), rim = holes.eq(kRim).to(at::kFloat);
    const at::Tensor wanted =
        ((batch.fields[0].to(at::kFloat) - module_->mean) / module_->deviation).permute({0, 3, 1, 2});
    const at::Tensor error = output.predictions - wanted;
    // Of the pictures with a hole, whose number varies: by what it is on average, so that the mean over ranks
    // is that of the whole batch.
    const double share = 1 / (static_cast<double>(error.size(0)) * (1 - spec_.whole_share()));
    output.loss = WeightedSquares(error, missing + rim * spec_.rim_weight()).sum() * share;
    {
      at::NoGradGuard no_grad;
      const at::Tensor levels = error.detach() * module_->deviation.view({-1, 1, 1});
      const at::Tensor values = missing.sum().clamp_min(1) * error.size(1);
      output.metrics = {{"squared_error", (levels.square() * missing).sum() / values}};
    }
    if (module_->adversary == nullptr) return output;
    output.metrics.emplace_back("reconstruction", output.loss.detach());
    const at::Tensor part = missing + rim;
    const at::Tensor shares = part.amax({1, 2, 3}) * share;
    PRETEXT_ASSIGN_OR_RETURN(
        const FillAdversary::Verdict verdict,
        module_->adversary->Judge(wanted, output.predictions, part, shares, batch.micro, *process_group_));
    output.loss =
        output.loss * (1 - spec_.adversarial_share()) + verdict.generator_loss * spec_.adversarial_share();
    output.metrics.emplace_back("fooling", verdict.generator_loss.detach());
    output.metrics.emplace_back("telling", verdict.loss);
    output.metrics.emplace_back("told_apart", verdict.accuracy);
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  PredictionKind predicts() const override { return PredictionKind::kValues; }

  void AfterOptimizerStep(const Step& /*step*/) override {
    if (module_->adversary != nullptr) module_->adversary->Step(spec_.adversary_rate());
  }

  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override {
    return 1 - spec_.adversarial_share() + spec_.adversarial_share() * std::log(2);
  }

 private:
  Answers AnswerTo(const Batch& batch) {
    SetBatchNormGroups(*module_, backbone_->options().bn_groups);
    const at::Tensor shown = FillHoles(batch.fields[0], batch.fields[1], module_->mean.round().to(at::kByte));
    const at::Tensor map =
        backbone_->Maps(NormalizeImages(shown, normalization_.mean, normalization_.std)).back();
    Answers answers;
    answers.features = AveragePool(map);
    answers.predictions = module_->filler->Forward(map).to(at::kFloat);
    return answers;
  }

  v1::InpaintingSpec spec_;
  Backbone backbone_;
  ProcessGroup* process_group_;
  Normalization normalization_;
  std::shared_ptr<InpaintingModule> module_;
};

}  // namespace

at::Tensor FillHoles(const at::Tensor& pictures, const at::Tensor& holes, const at::Tensor& color) {
  return at::where(holes.eq(kMissing), color, pictures);
}

at::Tensor WeightedSquares(const at::Tensor& errors, const at::Tensor& weights) {
  const at::Tensor sums = (errors.square() * weights).sum({1, 2, 3});
  const at::Tensor weight = weights.sum({1, 2, 3}) * errors.size(1);
  return sums / at::where(weight.gt(0), weight, 1.0);
}

absl::StatusOr<std::vector<ResolvedField>> ResolveInpainting(const TaskSizes& sizes, v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::InpaintingSpec* inpainting = spec->mutable_inpainting();
  if (!inpainting->has_rim()) {
    inpainting->set_rim(static_cast<int32_t>(std::lround(kRimShare * sizes.image_size)));
    fields.push_back({"rim", absl::StrCat("from image_size: ", sizes.image_size, " pixels")});
  }
  return fields;
}

absl::Status CheckInpainting(const TaskContext& context) {
  const v1::InpaintingSpec& spec = context.spec.inpainting();
  if (context.image_size < kSmallestSide) {
    return absl::InvalidArgumentError(absl::StrCat("inpainting: pictures of ", context.image_size,
                                                   " pixels have no room for a hole; raise image_size to ",
                                                   kSmallestSide, " or more"));
  }
  const int side = context.image_size / 2;
  if (spec.hole() == v1::InpaintingSpec::CENTER && 2 * spec.rim() >= side) {
    return absl::InvalidArgumentError(absl::StrCat("inpainting: a rim of ", spec.rim(),
                                                   " pixels leaves nothing of the hole of ", side, " x ",
                                                   side, "; lower rim to at most ", (side - 1) / 2));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeInpaintingViewBuilder(const TaskContext& context) {
  return std::make_unique<InpaintingViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeInpainting(const TaskContext& context,
                                                            const TrainContext& train) {
  const v1::InpaintingSpec& spec = context.spec.inpainting();
  const int channels = context.dataset->channels();
  PRETEXT_ASSIGN_OR_RETURN(const PixelStatistics pixels,
                           MeasurePixels(*context.dataset, spec.prior_samples(), context.image_size, train));
  auto filler = std::make_shared<HoleFiller>(train.backbone->map_channels().back(),
                                             MapSides(*train.backbone, context.image_size).back(),
                                             context.image_size, channels);
  std::shared_ptr<FillAdversary> adversary;
  if (spec.adversarial_share() > 0) adversary = std::make_shared<FillAdversary>(context.image_size, channels);
  auto module = std::make_shared<InpaintingModule>(std::move(filler), std::move(adversary), pixels);
  module->to(train.device);
  return std::make_unique<Inpainting>(spec, train, std::move(module));
}

}  // namespace pretext
