#include "worker/tasks/rotation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/rot90.h>
#include <ATen/ops/stack.h>
#include <torch/nn/module.h>

#include <cmath>
#include <utility>

#include "worker/losses/cross_entropy.h"
#include "worker/models/heads.h"
#include "worker/models/normalize.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/single_view_builder.h"

namespace pretext {
namespace {

constexpr int kTurns = 4;

class RotationModule : public torch::nn::Module {
 public:
  explicit RotationModule(int features)
      : head(register_module("head", std::make_shared<LinearHead>(features, kTurns))) {}

  std::shared_ptr<LinearHead> head;
};

class Rotation : public PretextTask {
 public:
  Rotation(Backbone backbone, int channels, c10::Device device)
      : backbone_(std::move(backbone)),
        normalization_(NormalizationFor(channels)),
        module_(std::make_shared<RotationModule>(backbone_->feature_size())) {
    module_->to(device);
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
    return PixelQuestion{Inputs(batch).unsqueeze(1), Targets(batch), kTurns};
  }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return std::log(kTurns); }

 private:
  at::Tensor Inputs(const Batch& batch) const {
    return NormalizeImages(FourRotations(batch.fields[0]), normalization_.mean, normalization_.std);
  }

  static at::Tensor Targets(const Batch& batch) {
    return at::arange(kTurns, batch.fields[0].options().dtype(at::kLong)).repeat({batch.fields[0].size(0)});
  }

  Answers AnswerTo(const Batch& batch) {
    const at::Tensor features = backbone_->Forward(Inputs(batch));
    const at::Tensor logits = module_->head->Forward(features);
    const int64_t pictures = batch.fields[0].size(0);
    return {logits.view({pictures, kTurns, kTurns}).transpose(1, 2),
            features.view({pictures, kTurns, -1}).select(1, 0)};
  }

  Backbone backbone_;
  Normalization normalization_;
  std::shared_ptr<RotationModule> module_;
};

}  // namespace

at::Tensor FourRotations(const at::Tensor& pictures) {
  std::vector<at::Tensor> turns;
  for (int turn = 0; turn < kTurns; ++turn) turns.push_back(at::rot90(pictures, turn, {1, 2}));
  return at::stack(turns, 1).flatten(0, 1);
}

absl::Status CheckRotation(const TaskContext& context) {
  if (context.dataset->size() == 0) {
    return absl::InvalidArgumentError("rotation: the data set has no pictures; check data.images");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeRotationViewBuilder(const TaskContext& context) {
  return std::make_unique<SingleViewBuilder>("view", context.spec.rotation().augment(), context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeRotation(const TaskContext& context,
                                                          const TrainContext& train) {
  return std::make_unique<Rotation>(train.backbone, context.dataset->channels(), train.device);
}

}  // namespace pretext
