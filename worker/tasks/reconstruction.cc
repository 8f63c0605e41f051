#include "worker/tasks/reconstruction.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/module.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/models/batch_norm.h"
#include "worker/models/normalize.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/picture_decoder.h"
#include "worker/tasks/pixel_statistics.h"

namespace pretext {
namespace {

// The data's statistics are measured once and kept by checkpoints.
class ReconstructionModule : public torch::nn::Module {
 public:
  ReconstructionModule(std::shared_ptr<PictureDecoder> decoder, const PixelStatistics& pixels)
      : decoder(register_module("decoder", std::move(decoder))),
        mean(register_buffer("mean", at::tensor(pixels.mean).to(at::kFloat))),
        deviation(register_buffer("deviation", at::tensor(pixels.deviation).to(at::kFloat))) {}

  std::shared_ptr<PictureDecoder> decoder;
  at::Tensor mean, deviation;  // (channels), grey levels
};

class Reconstruction : public PretextTask {
 public:
  Reconstruction(Backbone backbone, std::shared_ptr<ReconstructionModule> module)
      : backbone_(std::move(backbone)),
        normalization_(NormalizationFor(backbone_->options().in_channels)),
        module_(std::move(module)) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor wanted =
        ((batch.fields.back().to(at::kFloat) - module_->mean) / module_->deviation).permute({0, 3, 1, 2});
    const at::Tensor error = output.predictions - wanted;
    output.loss = error.square().mean();
    at::NoGradGuard no_grad;
    output.metrics = {
        {"squared_error", (error.detach() * module_->deviation.view({-1, 1, 1})).square().mean()}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  PredictionKind predicts() const override { return PredictionKind::kValues; }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return 1; }

 private:
  Answers AnswerTo(const Batch& batch) {
    SetBatchNormGroups(*module_->decoder, backbone_->options().bn_groups);
    const at::Tensor features =
        backbone_->Forward(NormalizeImages(batch.fields.front(), normalization_.mean, normalization_.std));
    return {module_->decoder->Forward(features).to(at::kFloat), features};
  }

  Backbone backbone_;
  Normalization normalization_;
  std::shared_ptr<ReconstructionModule> module_;
};

}  // namespace

absl::Status CheckCode(const std::string& task, int code_size, const TaskContext& context) {
  const int64_t values = int64_t{context.image_size} * context.image_size * context.dataset->channels();
  if (code_size < values) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(task, ": a code of ", code_size, " numbers holds a whole picture of ", context.image_size,
                   " x ", context.image_size, " x ", context.dataset->channels(),
                   ", so that nothing would have to be learnt; lower code_size, a fraction of that will do"));
}

at::Tensor GreyLevelsOf(const at::Tensor& predictions, PretextTask& task) {
  const auto buffers = task.module().named_buffers(/*recurse=*/false);
  return predictions.permute({0, 2, 3, 1}) * buffers["deviation"] + buffers["mean"];
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeReconstruction(int code_size, int64_t prior_samples,
                                                                const TaskContext& context,
                                                                const TrainContext& train) {
  PRETEXT_ASSIGN_OR_RETURN(const PixelStatistics pixels,
                           MeasurePixels(*context.dataset, prior_samples, context.image_size, train));
  auto decoder = std::make_shared<PictureDecoder>(train.backbone->feature_size(), code_size,
                                                  context.image_size, context.dataset->channels());
  auto module = std::make_shared<ReconstructionModule>(std::move(decoder), pixels);
  module->to(train.device);
  return std::make_unique<Reconstruction>(train.backbone, std::move(module));
}

}  // namespace pretext
