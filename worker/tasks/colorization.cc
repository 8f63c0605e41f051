#include "worker/tasks/colorization.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/losses/cross_entropy.h"
#include "worker/tasks/color_bins.h"
#include "worker/tasks/color_decoder.h"
#include "worker/tasks/colorization_view_builder.h"
#include "worker/tasks/lightness_input.h"
#include "worker/tasks/point_colorization.h"

namespace pretext {
namespace {

constexpr int kSmallPicture = 64;  // pixels
constexpr int kWindow = 7;

bool AtPoints(const TaskContext& context) {
  return context.spec.colorization().method() == v1::ColorizationSpec::LARSSON;
}

class ColorizationModule : public torch::nn::Module {
 public:
  ColorizationModule(std::shared_ptr<ColorDecoder> decoder, const std::vector<double>& weights)
      : decoder(register_module("decoder", std::move(decoder))),
        rebalancing(register_buffer("rebalancing", at::tensor(weights).to(at::kFloat))) {}

  std::shared_ptr<ColorDecoder> decoder;
  at::Tensor rebalancing;  // (313): measured once, kept by checkpoints
};

class Colorization : public PretextTask {
 public:
  Colorization(Backbone backbone, std::shared_ptr<ColorizationModule> module, double mean_weight)
      : backbone_(std::move(backbone)), module_(std::move(module)), mean_weight_(mean_weight) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    const at::Tensor bins = batch.fields[1].permute({0, 3, 1, 2});
    const at::Tensor shares = batch.fields[2].permute({0, 3, 1, 2});
    const at::Tensor colorful = batch.fields[3].view({-1, 1, 1});
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor nearest = bins.select(1, 0);
    const at::Tensor cells = SoftCrossEntropyCells(output.predictions, bins, shares);
    output.loss =
        (cells * module_->rebalancing.index_select(0, nearest.reshape(-1)).view_as(cells) * colorful).mean();

    at::NoGradGuard no_grad;
    const at::Tensor counted = (colorful.sum() * nearest.size(1) * nearest.size(2)).clamp_min(1);
    const at::Tensor hits = output.predictions.argmax(1).eq(nearest).to(at::kFloat);
    output.metrics = {{"cross_entropy", (cells.detach() * colorful).sum() / counted},
                      {"accuracy", (hits * colorful).sum() / counted},
                      {"colorful_share", colorful.mean()}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return std::log(kColorBins) * mean_weight_; }

 private:
  Answers AnswerTo(const Batch& batch) {
    SetBatchNormGroups(*module_->decoder, backbone_->options().bn_groups);
    const std::vector<at::Tensor> maps =
        backbone_->Maps(LightnessInput(batch.fields[0], backbone_->options().in_channels));
    return {module_->decoder->Forward(maps), AveragePool(maps.back())};
  }

  Backbone backbone_;
  std::shared_ptr<ColorizationModule> module_;
  double mean_weight_;  // of a cell, those of grey pictures included
};

// Adds the colours of one picture.
void AddColors(const Image& image, int side, const ColorEncoder& encoder, ColorCounts& counts) {
  std::vector<uint8_t> view(static_cast<size_t>(side) * side * 3);
  RenderCenter(image, side, absl::MakeSpan(view));
  const std::vector<Lab> colors = CellColors(view, side);
  ++counts.pictures;
  if (!IsColorful(colors)) return;
  ++counts.colorful;
  for (const Lab& color : colors) ++counts.cells[encoder.Nearest(color.a, color.b)];
}

// The sum over the ranks, exactly.
absl::StatusOr<ColorCounts> AddOverRanks(const ColorCounts& own, const TrainContext& train) {
  std::vector<int64_t> numbers = own.cells;
  numbers.push_back(own.pictures);
  numbers.push_back(own.colorful);
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor gathered,
                           train.process_group->AllGather(at::tensor(numbers).to(train.device).unsqueeze(0)));
  const at::Tensor sum = gathered.sum(0).to(at::kCPU);
  const int64_t* total = sum.const_data_ptr<int64_t>();
  return ColorCounts{{total, total + kColorBins}, total[kColorBins], total[kColorBins + 1]};
}

// What a cell weighs on average, cells of grey pictures included.
double MeanWeight(const ColorCounts& counts, const std::vector<double>& weights) {
  const double cells = std::accumulate(counts.cells.begin(), counts.cells.end(), 0.0);
  const double sum = std::inner_product(weights.begin(), weights.end(), counts.cells.begin(), 0.0);
  return sum / cells * counts.colorful / counts.pictures;
}

}  // namespace

absl::StatusOr<ColorCounts> CountColors(const Dataset& dataset, int64_t samples, int side,
                                        const TrainContext& train) {
  const ColorEncoder encoder(/*neighbours=*/1, /*sigma=*/1);
  ColorCounts counts;
  counts.cells.resize(kColorBins);
  samples = std::min(samples, dataset.size());
  for (int64_t i = train.process_group->rank(); i < samples; i += train.process_group->world_size()) {
    // The loader names broken files; here another picture less does no harm.
    const absl::StatusOr<Image> image = dataset.Load(i * dataset.size() / samples);
    if (image.ok()) AddColors(*image, side, encoder, counts);
  }
  return AddOverRanks(counts, train);
}

absl::StatusOr<std::vector<ResolvedField>> ResolveColorization(const TaskSizes& sizes, v1::TaskSpec* spec) {
  v1::ColorizationSpec* colorization = spec->mutable_colorization();
  std::vector<ResolvedField> fields;
  if (colorization->method() == v1::ColorizationSpec::LARSSON && !colorization->has_window()) {
    colorization->set_window(sizes.image_size <= kSmallPicture ? 1 : kWindow);
    fields.push_back({"window", absl::StrCat("from image_size: ", sizes.image_size, " pixels")});
  }
  return fields;
}

absl::Status CheckColorization(const TaskContext& context) {
  if (context.dataset->channels() != 3 || context.facts->channels != 3) {
    return absl::InvalidArgumentError(
        "colorization: the pictures are grey, so there is no colour to predict; take the task out of "
        "the stage, moco and rotation work on grey pictures");
  }
  return AtPoints(context) ? CheckPointColorization(context) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeColorizationViewBuilder(const TaskContext& context) {
  if (AtPoints(context)) return MakePointColorizationViewBuilder(context);
  return std::make_unique<ColorizationViewBuilder>(context.spec.colorization(), context.image_size);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeColorization(const TaskContext& context,
                                                              const TrainContext& train) {
  if (AtPoints(context)) return MakePointColorization(context, train);
  const v1::ColorizationSpec& spec = context.spec.colorization();
  PRETEXT_ASSIGN_OR_RETURN(const ColorCounts counts,
                           CountColors(*context.dataset, spec.prior_samples(), context.image_size, train));
  if (counts.colorful == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("colorization: none of the ", counts.pictures,
                     " pictures looked at has any colour; take the task out of the stage, or raise "
                     "prior_samples if coloured ones are rare"));
  }
  const std::vector<double> weights = RebalancingWeights(ColorPrior(counts.cells), spec.uniform_share());
  auto decoder = std::make_shared<ColorDecoder>(*train.backbone, context.image_size,
                                                ColorCells(context.image_size), kColorBins);
  auto module = std::make_shared<ColorizationModule>(std::move(decoder), weights);
  module->to(train.device);
  return std::make_unique<Colorization>(train.backbone, std::move(module), MeanWeight(counts, weights));
}

}  // namespace pretext
