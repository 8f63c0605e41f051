#include "worker/tasks/spot_artifacts.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/zeros.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/augment/view_pipeline.h"
#include "worker/losses/binary_cross_entropy.h"
#include "worker/losses/cross_entropy.h"
#include "worker/models/batch_norm.h"
#include "worker/models/heads.h"
#include "worker/tasks/artifact_autoencoder.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/private_adam.h"

namespace pretext {
namespace {

constexpr int kMaskView = 1;  // the view's own draws come first
constexpr int kSmallestSide = 8;
constexpr double kHalfRange = 127.5;  // grey levels

class SpotArtifactsViewBuilder : public ViewBuilder {
 public:
  explicit SpotArtifactsViewBuilder(const TaskContext& context)
      : keep_share_(context.spec.spot_artifacts().keep_share()),
        pipeline_(context.spec.spot_artifacts().augment(), context.image_size, context.dataset->channels()) {
    const int64_t cells = CodeSide(context.image_size);
    layout_ = {{"picture",
                ElementType::kUint8,
                {context.image_size, context.image_size, context.dataset->channels()}},
               {"kept", ElementType::kUint8, {1, cells, cells}}};
  }

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    Rng rng(key);
    pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(0));
    RngKey mask_key = key;
    mask_key.view += kMaskView;
    Rng mask_rng(mask_key);
    const absl::Span<uint8_t> kept = slot.field<uint8_t>(1);
    for (uint8_t& cell : kept) cell = mask_rng.Chance(keep_share_) ? 1 : 0;
    // A picture of which all is kept is no damaged one.
    const size_t dropped = mask_rng.Below(kept.size());
    if (std::count(kept.begin(), kept.end(), 0) == 0) kept[dropped] = 0;
  }

 private:
  double keep_share_;
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

class SpotArtifactsModule : public torch::nn::Module {
 public:
  SpotArtifactsModule(const BackboneModule& backbone, int side, int channels, int width)
      : verdict(register_module("verdict", std::make_shared<LinearHead>(backbone.feature_size(), 2))),
        mask(register_module(
            "mask",
            torch::nn::Conv2d(
                torch::nn::Conv2dOptions(backbone.map_channels().back(), 1, /*kernel_size=*/3).padding(1)))),
        autoencoder(
            register_module("autoencoder", std::make_shared<ArtifactAutoencoder>(side, channels, width))),
        repair(register_module("repair", std::make_shared<RepairNetwork>(*autoencoder))),
        autoencoder_adam(register_module("autoencoder_adam", std::make_shared<PrivateAdam>(*autoencoder))),
        repair_adam(register_module("repair_adam", std::make_shared<PrivateAdam>(*repair))) {}

  std::shared_ptr<LinearHead> verdict;
  torch::nn::Conv2d mask;
  std::shared_ptr<ArtifactAutoencoder> autoencoder;
  std::shared_ptr<RepairNetwork> repair;
  std::shared_ptr<PrivateAdam> autoencoder_adam, repair_adam;
};

// What the backbone and its heads say of pairs.
struct Sight {
  at::Tensor verdicts;  // (2B, 2)
  at::Tensor mask;      // (2B, 1, H, W)
  at::Tensor features;  // (2B, F)
};

// The second of each pair.
at::Tensor Repaired(const at::Tensor& pairs) { return pairs.unflatten(0, {-1, 2}).select(1, 1); }

at::Tensor Pairs(const at::Tensor& whole, const at::Tensor& repaired) {
  return at::stack({whole, repaired}, 1).flatten(0, 1);
}

// In -1 .. 1.
at::Tensor PicturesOf(const Batch& batch) {
  return (batch.fields[0].to(at::kFloat) / kHalfRange - 1).permute({0, 3, 1, 2});
}

// The autoencoder as it stays once it is prepared.
ArtifactAutoencoder& Frozen(SpotArtifactsModule& module) {
  module.autoencoder->eval();
  return *module.autoencoder;
}

at::Tensor PairsFrom(SpotArtifactsModule& module, const Batch& batch) {
  at::NoGradGuard no_grad;
  ArtifactAutoencoder& autoencoder = Frozen(module);
  const at::Tensor kept = batch.fields[1].to(at::kFloat), code = autoencoder.Encode(PicturesOf(batch));
  return Pairs(autoencoder.Decode(code), module.repair->Decode(autoencoder, DropCells(code, kept), kept));
}

class SpotArtifacts : public PretextTask {
 public:
  SpotArtifacts(const TaskContext& context, const TrainContext& train,
                std::shared_ptr<SpotArtifactsModule> module)
      : spec_(context.spec.spot_artifacts()),
        steps_(context.steps),
        preparing_steps_(PreparingSteps(spec_.preparing_share(), context.steps)),
        backbone_(train.backbone),
        process_group_(train.process_group),
        normalization_(NormalizationFor(backbone_->options().in_channels)),
        module_(std::move(module)) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    if (batch.step < preparing_steps_) return TrainAutoencoder(batch);
    const at::Tensor pictures = PicturesOf(batch), kept = batch.fields[1].to(at::kFloat);
    ArtifactAutoencoder& autoencoder = Frozen(*module_);
    at::Tensor code, whole;
    {
      at::NoGradGuard no_grad;
      code = autoencoder.Encode(pictures);
      whole = autoencoder.Decode(code);
    }
    // The repair network learns from the same pass; the task's own loss ends before it.
    PrivateAdam::Recording recording(*module_->repair_adam);
    const at::Tensor repaired = module_->repair->Decode(autoencoder, DropCells(code, kept), kept);
    const at::Tensor pairs = Pairs(whole, repaired.detach()).requires_grad_();
    const Sight sight = Look(pairs);

    TaskOutput output;
    FillAnswers(sight, &output);
    const at::Tensor truth = at::arange(2, kept.options().dtype(at::kLong)).repeat({kept.size(0)});
    const at::Tensor shares = KeptShares(kept, sight.mask);
    output.loss =
        CrossEntropy(sight.verdicts, truth) + BinaryCrossEntropy(sight.mask, shares) * spec_.mask_weight();

    const at::Tensor seen =
        at::upsample_nearest2d(kept, {pictures.size(2), pictures.size(3)}) * (pictures - repaired).square();
    PRETEXT_RETURN_IF_ERROR(TrainRepair(batch.micro, sight, pairs, repaired, seen.mean()));

    at::NoGradGuard no_grad;
    const at::Tensor kept_share = kept.mean().clamp_min(1.0 / static_cast<double>(kept.numel()));
    output.metrics = {{"accuracy", sight.verdicts.argmax(1).eq(truth).to(at::kFloat).mean()},
                      {"mask_accuracy", sight.mask.gt(0).eq(shares.gt(0.5)).to(at::kFloat).mean()},
                      {"autoencoder_error", (whole - pictures).square().mean() * kHalfRange * kHalfRange},
                      {"repair_error", seen.detach().mean() / kept_share * kHalfRange * kHalfRange}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override {
    Answers answers;
    FillAnswers(Look(PairsFrom(*module_, batch)), &answers);
    return answers;
  }
  PredictionKind predicts() const override { return PredictionKind::kLogits; }

  int64_t preparing_steps() const override { return preparing_steps_; }

  // Both rates fall to 0 over the steps in which their network is trained.
  void AfterOptimizerStep(const Step& step) override {
    const auto fallen = [&](int64_t begin, int64_t end) {
      return spec_.repair_rate() * static_cast<double>(end - step.step) / static_cast<double>(end - begin);
    };
    if (step.step < preparing_steps_) {
      module_->autoencoder_adam->Step(fallen(0, preparing_steps_));
    } else {
      module_->repair_adam->Step(fallen(preparing_steps_, std::max(steps_, step.step + 1)));
    }
  }

  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return std::log(2) * (1 + spec_.mask_weight()); }

 private:
  absl::StatusOr<TaskOutput> TrainAutoencoder(const Batch& batch) {
    module_->autoencoder->train();
    SetBatchNormGroups(*module_->autoencoder, backbone_->options().bn_groups);
    PrivateAdam::Recording recording(*module_->autoencoder_adam);
    const at::Tensor pictures = PicturesOf(batch);
    const at::Tensor error =
        (module_->autoencoder->Decode(module_->autoencoder->Encode(pictures)) - pictures).square().mean();
    PRETEXT_RETURN_IF_ERROR(module_->autoencoder_adam->Add(
        batch.micro, module_->autoencoder_adam->Gradients({error}, {}), *process_group_));
    TaskOutput output;
    output.metrics = {{"autoencoder_error", error.detach() * kHalfRange * kHalfRange}};
    return output;
  }

  // The gradient of being taken for whole comes through the backbone, to the repaired pictures and no
  // further.
  absl::Status TrainRepair(int32_t micro, const Sight& sight, const at::Tensor& pairs,
                           const at::Tensor& repaired, const at::Tensor& error) {
    const at::Tensor verdicts = Repaired(sight.verdicts);
    const at::Tensor fooling =
        CrossEntropy(verdicts, at::zeros({verdicts.size(0)}, verdicts.options().dtype(at::kLong)));
    const at::Tensor gradient = Repaired(GradientsIn(fooling, {pairs}).front());
    return module_->repair_adam->Add(
        micro,
        module_->repair_adam->Gradients({repaired, error * spec_.repair_weight()}, {gradient, at::Tensor()}),
        *process_group_);
  }

  Sight Look(const at::Tensor& pairs) {
    const auto of_channels = [&](const std::vector<double>& numbers) {
      return at::tensor(numbers).to(pairs.device(), at::kFloat).view({-1, 1, 1});
    };
    const at::Tensor input =
        ((pairs + 1) / 2 - of_channels(normalization_.mean)) / of_channels(normalization_.std);
    const at::Tensor map = backbone_->Maps(input.contiguous(at::MemoryFormat::ChannelsLast)).back();
    Sight sight;
    sight.features = AveragePool(map);
    sight.verdicts = module_->verdict->Forward(sight.features);
    sight.mask = module_->mask->forward(map).to(at::kFloat);
    return sight;
  }

  static void FillAnswers(const Sight& sight, Answers* answers) {
    answers->predictions = sight.verdicts.unflatten(0, {-1, 2}).transpose(1, 2);
    answers->features = sight.features.unflatten(0, {-1, 2}).select(1, 0);
  }

  v1::SpotArtifactsSpec spec_;
  int64_t steps_, preparing_steps_;
  Backbone backbone_;
  ProcessGroup* process_group_;
  Normalization normalization_;
  std::shared_ptr<SpotArtifactsModule> module_;
};

}  // namespace

int64_t PreparingSteps(double share, int64_t steps) {
  const int64_t rounded = std::llround(share * static_cast<double>(steps));
  return std::min(std::max<int64_t>(1, rounded), std::max<int64_t>(0, steps - 1));
}

at::Tensor KeptShares(const at::Tensor& kept, const at::Tensor& mask_logits) {
  const at::Tensor shares = at::adaptive_avg_pool2d(kept, {mask_logits.size(2), mask_logits.size(3)});
  return Pairs(at::ones_like(shares), shares);
}

at::Tensor PairsShown(torch::nn::Module& module, const Batch& batch) {
  return PairsFrom(*module.as<SpotArtifactsModule>(), batch);
}

absl::Status CheckSpotArtifacts(const TaskContext& context) {
  if (context.image_size >= kSmallestSide) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("spot_artifacts: pictures of ", context.image_size,
                                                 " pixels have no parts to drop; raise image_size to ",
                                                 kSmallestSide, " or more"));
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeSpotArtifactsViewBuilder(const TaskContext& context) {
  return std::make_unique<SpotArtifactsViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeSpotArtifacts(const TaskContext& context,
                                                               const TrainContext& train) {
  auto module =
      std::make_shared<SpotArtifactsModule>(*train.backbone, context.image_size, context.dataset->channels(),
                                            context.spec.spot_artifacts().width());
  module->to(train.device);
  return std::make_unique<SpotArtifacts>(context, train, std::move(module));
}

}  // namespace pretext
