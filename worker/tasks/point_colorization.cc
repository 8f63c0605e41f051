#include "worker/tasks/point_colorization.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/xlogy.h>
#include <ATen/ops/zeros.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/tasks/colorization_view_builder.h"
#include "worker/tasks/hue_chroma.h"
#include "worker/tasks/hypercolumns.h"
#include "worker/tasks/lightness_input.h"

namespace pretext {
namespace {

constexpr int64_t kHidden = 1024;
constexpr int64_t kPicturesLookedAt = 500;
constexpr uint32_t kPointsView = 1;          // the view's own draws come first
constexpr uint32_t kDropoutView = 1U << 31;  // streams that no example's view uses

class PointColorizationViewBuilder : public ViewBuilder {
 public:
  explicit PointColorizationViewBuilder(const TaskContext& context)
      : side_(context.image_size),
        points_(context.spec.colorization().points()),
        window_(context.spec.colorization().window()),
        pipeline_(context.spec.colorization().augment(), side_, /*channels=*/3),
        layout_({{"lightness", ElementType::kFloat32, {side_, side_, 1}},
                 {"points", ElementType::kInt64, {points_, 2}},
                 {"hue", ElementType::kFloat32, {points_, kHueChromaBins}},
                 {"chroma", ElementType::kFloat32, {points_, kHueChromaBins}},
                 {"counts", ElementType::kFloat32, {points_, 2}}}) {}

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    std::vector<uint8_t> view(pipeline_.bytes());
    Rng view_rng(key);
    pipeline_.Render(*sample.image, view_rng, absl::MakeSpan(view));
    absl::Span<float> lightness = slot.field<float>(0);
    for (size_t i = 0; i < lightness.size(); ++i) {
      lightness[i] = LightnessFromSrgb(view[3 * i], view[3 * i + 1], view[3 * i + 2]);
    }
    RngKey points_key = key;
    points_key.view += kPointsView;
    Rng rng(points_key);
    const bool is_lesson = IsColorful(CellColors(view, side_));
    for (int point = 0; point < points_; ++point) {
      const int row = DrawPlace(rng), column = DrawPlace(rng);
      slot.field<int64_t>(1)[2 * point] = row;
      slot.field<int64_t>(1)[2 * point + 1] = column;
      WritePoint(view, row, column, is_lesson, point, slot);
    }
  }

 private:
  int DrawPlace(Rng& rng) const { return window_ / 2 + static_cast<int>(rng.Below(side_ - window_ + 1)); }

  void WritePoint(absl::Span<const uint8_t> view, int row, int column, bool is_lesson, int point,
                  const ExampleSlot& slot) const {
    const HueChromaHistograms counted = CountHueChroma(view, side_, row, column, window_);
    const int64_t first = int64_t{point} * kHueChromaBins;
    std::copy(counted.hue.begin(), counted.hue.end(), slot.field<float>(2).begin() + first);
    std::copy(counted.chroma.begin(), counted.chroma.end(), slot.field<float>(3).begin() + first);
    const size_t place = static_cast<size_t>(row) * side_ + column;
    const uint8_t* pixel = view.data() + 3 * place;
    absl::Span<float> counts = slot.field<float>(4).subspan(2 * point, 2);
    counts[0] = is_lesson ? HueChromaFromRgb(pixel[0], pixel[1], pixel[2]).chroma : 0;
    counts[1] = is_lesson ? ChromaWeight(slot.field<float>(0)[place] / 100) : 0;
  }

  int side_, points_, window_;
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

// What a checkpoint holds.
class PointColorizationModule : public torch::nn::Module {
 public:
  explicit PointColorizationModule(const std::vector<int>& channels)
      : hypercolumns(register_module("hypercolumns", std::make_shared<Hypercolumns>(channels))),
        hidden(register_module("hidden", torch::nn::Linear(hypercolumns->size(), kHidden))),
        hue(register_module("hue", torch::nn::Linear(kHidden, kHueChromaBins))),
        chroma(register_module("chroma", torch::nn::Linear(kHidden, kHueChromaBins))) {}

  std::shared_ptr<Hypercolumns> hypercolumns;
  torch::nn::Linear hidden, hue, chroma;
};

// The layers whose activations are looked at: the input's one channel and the backbone's maps.
std::vector<int> ChannelsOf(const BackboneModule& backbone) {
  std::vector<int> channels = {1};
  for (const int of_map : backbone.map_channels()) channels.push_back(of_map);
  return channels;
}

class PointColorization : public PretextTask {
 public:
  PointColorization(const TaskContext& context, const TrainContext& train, double chance)
      : seed_(context.seed),
        stage_(context.stage),
        hue_weight_(context.spec.colorization().hue_weight()),
        rank_(train.process_group->rank()),
        chance_(chance),
        backbone_(train.backbone),
        module_(std::make_shared<PointColorizationModule>(ChannelsOf(*backbone_))) {
    module_->to(train.device);
  }

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output;
    PRETEXT_ASSIGN_OR_RETURN(static_cast<Answers&>(output), Answer(batch));
    const at::Tensor& hue = batch.fields[2];
    const at::Tensor& chroma = batch.fields[3];
    const at::Tensor& counts = batch.fields[4];
    output.loss = HueChromaLoss(output.predictions, hue, chroma, counts, hue_weight_);

    at::NoGradGuard no_grad;
    const int64_t points = hue.size(1);
    const at::Tensor logits = output.predictions.detach().permute({0, 2, 1});  // (B, 2 P, 32)
    const at::Tensor hues = logits.narrow(1, 0, points).flatten(0, 1);
    const at::Tensor chromas = logits.narrow(1, points, points).flatten(0, 1);
    const at::Tensor weights = counts.select(2, 0).flatten();
    const at::Tensor sum = weights.sum().clamp_min(1e-6);
    const at::Tensor hits = hues.argmax(1).eq(hue.flatten(0, 1).argmax(1)).to(at::kFloat);
    output.metrics = {{"hue_divergence", (Divergence(hues, hue.flatten(0, 1)) * weights).sum() / sum},
                      {"hue_accuracy", (hits * weights).sum() / sum},
                      {"chroma_divergence", Divergence(chromas, chroma.flatten(0, 1)).mean()},
                      {"colorful_share", counts.amax({1, 2}).gt(0).to(at::kFloat).mean()}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override {
    SetBatchNormGroups(*module_->hypercolumns, backbone_->options().bn_groups);
    const at::Tensor& points = batch.fields[1];
    const at::Tensor input = LightnessInput(batch.fields[0], backbone_->options().in_channels);
    std::vector<at::Tensor> maps = backbone_->Maps(input);
    Answers answers;
    answers.features = AveragePool(maps.back());
    maps.insert(maps.begin(), input.narrow(1, 0, 1));
    at::Tensor hidden =
        module_->hidden->forward(module_->hypercolumns->Forward(maps, points, input.size(2))).relu();
    if (module_->is_training()) {
      const DropoutKey key{seed_, stage_, batch.step, batch.micro, rank_ * points.size(0)};
      const at::Tensor kept = HalfDropout(key, points.size(0), points.size(1), kHidden, hidden.device());
      hidden = hidden * kept * 2;
    }
    const auto by_picture = [&](const at::Tensor& logits) {
      return logits.view({points.size(0), points.size(1), kHueChromaBins}).permute({0, 2, 1});
    };
    answers.predictions =
        at::cat({by_picture(module_->hue->forward(hidden)), by_picture(module_->chroma->forward(hidden))}, 2);
    return answers;
  }

  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return chance_; }

 private:
  uint64_t seed_;
  uint32_t stage_;
  double hue_weight_;
  int64_t rank_;
  double chance_;
  Backbone backbone_;
  std::shared_ptr<PointColorizationModule> module_;
};

double EntropyOf(absl::Span<const float> shares) {
  double entropy = 0;
  for (const float share : shares) entropy -= share > 0 ? share * std::log(share) : 0;
  return entropy;
}

// What a look at one picture found.
struct PictureLook {
  double read = 0, colorful = 0;  // 0 or 1
  double chance = 0;              // its loss with equal logits
};

PictureLook LookAt(const PointColorizationViewBuilder& builder, const v1::ColorizationSpec& spec,
                   const Sample& sample, const RngKey& key) {
  std::vector<std::vector<uint8_t>> memory;
  std::vector<uint8_t*> places;
  for (const Field& field : builder.layout()) memory.emplace_back(field.bytes());
  for (std::vector<uint8_t>& field : memory) places.push_back(field.data());
  const ExampleSlot slot(places, builder.layout());
  builder.Build(sample, key, slot);
  PictureLook look{1, 0, 0};
  for (int point = 0; point < spec.points(); ++point) {
    const int64_t first = int64_t{point} * kHueChromaBins;
    const absl::Span<const float> counts = slot.field<float>(4).subspan(2 * point, 2);
    const double most = std::log(kHueChromaBins);
    look.chance += counts[1] * (most - EntropyOf(slot.field<float>(3).subspan(first, kHueChromaBins))) +
                   spec.hue_weight() * counts[0] *
                       (most - EntropyOf(slot.field<float>(2).subspan(first, kHueChromaBins)));
    if (counts[0] > 0) look.colorful = 1;
  }
  look.chance /= spec.points();
  return look;
}

// (pictures looked at, 3): what each look found, in the same order whatever the ranks.
absl::StatusOr<at::Tensor> LookAtPictures(const TaskContext& context, const TrainContext& train) {
  const PointColorizationViewBuilder builder(context);
  const int64_t size = context.dataset->size();
  const int64_t samples = std::min(kPicturesLookedAt, size);
  const int64_t ranks = train.process_group->world_size();
  const at::Tensor own = at::zeros({1, (samples + ranks - 1) / ranks, 3}, at::kDouble);
  for (int64_t i = train.process_group->rank(); i < samples; i += ranks) {
    RngKey key;
    key.seed = context.seed;
    key.stage = kSetupStage;
    key.sample = i * size / samples;
    // The loader names broken files; here another picture less does no harm.
    const absl::StatusOr<Image> image = context.dataset->Load(static_cast<int64_t>(key.sample));
    if (!image.ok()) continue;
    const Sample sample{&*image, static_cast<int64_t>(key.sample), -1};
    const PictureLook look = LookAt(builder, context.spec.colorization(), sample, key);
    double* row = own.mutable_data_ptr<double>() + i / ranks * 3;
    row[0] = look.read, row[1] = look.colorful, row[2] = look.chance;
  }
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor gathered, train.process_group->AllGather(own.to(train.device)));
  return gathered.to(at::kCPU).transpose(0, 1).reshape({-1, 3});
}

}  // namespace

at::Tensor Divergence(const at::Tensor& logits, const at::Tensor& shares) {
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return (at::xlogy(shares, shares) - shares * at::log_softmax(logits.to(at::kFloat), 1)).sum(1);
}

at::Tensor HueChromaLoss(const at::Tensor& predictions, const at::Tensor& hue, const at::Tensor& chroma,
                         const at::Tensor& counts, double hue_weight) {
  const int64_t points = hue.size(1);
  const at::Tensor logits = predictions.permute({0, 2, 1});  // (B, 2 P, 32)
  const at::Tensor of_hue = Divergence(logits.narrow(1, 0, points).flatten(0, 1), hue.flatten(0, 1));
  const at::Tensor of_chroma =
      Divergence(logits.narrow(1, points, points).flatten(0, 1), chroma.flatten(0, 1));
  return (counts.select(2, 1).flatten() * of_chroma + hue_weight * counts.select(2, 0).flatten() * of_hue)
      .mean();
}

// A bit a unit: the words of a picture's stream are its points' units one after the other.
at::Tensor HalfDropout(const DropoutKey& key, int64_t pictures, int64_t points, int64_t units,
                       c10::Device device) {
  const at::Tensor bytes = at::empty({pictures * points, units / 8, 1}, at::kByte);
  uint8_t* place = bytes.mutable_data_ptr<uint8_t>();
  for (int64_t picture = 0; picture < pictures; ++picture) {
    RngKey stream;
    stream.seed = key.seed;
    stream.stage = key.stage;
    stream.epoch = static_cast<uint32_t>(key.micro);
    stream.sample = static_cast<uint64_t>(key.step);
    stream.view = kDropoutView + static_cast<uint32_t>(key.first_picture + picture);
    Rng rng(stream);
    for (int64_t i = 0; i < points * units / 32; ++i, place += 4) {
      const uint32_t word = rng.NextUint32();
      std::memcpy(place, &word, 4);
    }
  }
  const at::Tensor bits = at::arange(8, at::TensorOptions().dtype(at::kByte).device(device));
  return bytes.to(device).bitwise_right_shift(bits).bitwise_and(1).view({pictures * points, units});
}

absl::Status CheckPointColorization(const TaskContext& context) {
  const int window = context.spec.colorization().window();
  if (window <= context.image_size) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("colorization: squares of ", window, " pixels (window) do not fit into pictures of ",
                   context.image_size, "; lower window, 1 is the least, or raise image_size"));
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakePointColorizationViewBuilder(const TaskContext& context) {
  return std::make_unique<PointColorizationViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakePointColorization(const TaskContext& context,
                                                                   const TrainContext& train) {
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor looks, LookAtPictures(context, train));
  const at::Tensor sums = looks.sum(0);
  const double* sum = sums.const_data_ptr<double>();
  if (sum[1] == 0) {
    return absl::InvalidArgumentError(absl::StrCat("colorization: none of the ", static_cast<int64_t>(sum[0]),
                                                   " pictures looked at has any colour; take the task out of "
                                                   "the stage"));
  }
  return std::make_unique<PointColorization>(context, train, /*chance=*/sum[2] / sum[0]);
}

}  // namespace pretext
