#include "worker/tasks/instance_discrimination.h"

#include <torch/nn/module.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "worker/models/heads.h"
#include "worker/models/normalize.h"
#include "worker/models/unit_rows.h"
#include "worker/tasks/instance_bank.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/single_view_builder.h"

namespace pretext {
namespace {

constexpr int64_t kNegatives = 4096;  // the paper's

class InstanceModule : public torch::nn::Module {
 public:
  InstanceModule(int features, int size, int64_t pictures, uint64_t seed)
      : head(register_module("head", std::make_shared<LinearHead>(features, size))),
        bank(register_module("bank", std::make_shared<MemoryBank>(pictures, size, seed))) {}

  std::shared_ptr<LinearHead> head;
  std::shared_ptr<MemoryBank> bank;
};

class InstanceDiscrimination : public PretextTask {
 public:
  InstanceDiscrimination(const InstanceBankOptions& options, const TrainContext& train,
                         std::shared_ptr<InstanceModule> module)
      : backbone_(train.backbone),
        normalization_(NormalizationFor(backbone_->options().in_channels)),
        module_(std::move(module)),
        bank_(options, module_->bank, train.process_group) {}

  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override {
    TaskOutput output{AnswerTo(batch), {}, {}};
    const at::Tensor vectors = UnitRows(module_->head->Forward(output.features));
    const BankContrast compared = bank_.Compare(batch, vectors);
    PRETEXT_RETURN_IF_ERROR(bank_.Remember(batch, vectors));
    output.loss = compared.loss;
    output.metrics = {{"accuracy", compared.accuracy},
                      {"positive_similarity", compared.positive_similarity},
                      {"negative_similarity", compared.negative_similarity}};
    return output;
  }

  absl::StatusOr<Answers> Answer(const Batch& batch) override { return AnswerTo(batch); }
  // What it says of a picture depends on which others are drawn, and one of the step's draws may be another
  // picture of the batch.
  PredictionKind predicts() const override { return PredictionKind::kNone; }
  void AfterOptimizerStep(const Step& /*step*/) override { bank_.Learn(); }
  torch::nn::Module& module() override { return *module_; }
  double chance_loss() const override { return bank_.chance_loss(); }

 private:
  Answers AnswerTo(const Batch& batch) {
    return {{},
            backbone_->Forward(NormalizeImages(batch.fields[0], normalization_.mean, normalization_.std))};
  }

  Backbone backbone_;
  Normalization normalization_;
  std::shared_ptr<InstanceModule> module_;
  InstanceBank bank_;
};

}  // namespace

absl::StatusOr<std::vector<ResolvedField>> ResolveInstanceDiscrimination(const TaskSizes& sizes,
                                                                         v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::InstanceDiscriminationSpec* instance = spec->mutable_instance_discrimination();
  if (!instance->has_negatives()) {
    instance->set_negatives(static_cast<int32_t>(FittingNegatives(kNegatives, sizes.pictures)));
    fields.push_back({"negatives", absl::StrCat("from the data: ", sizes.pictures, " pictures")});
  }
  return fields;
}

absl::Status CheckInstanceDiscrimination(const TaskContext& context) {
  return CheckNegatives("instance_discrimination", context.spec.instance_discrimination().negatives(),
                        context.dataset->size());
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeInstanceDiscriminationViewBuilder(
    const TaskContext& context) {
  return std::make_unique<SingleViewBuilder>("view", context.spec.instance_discrimination().augment(),
                                             context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeInstanceDiscrimination(const TaskContext& context,
                                                                        const TrainContext& train) {
  const v1::InstanceDiscriminationSpec& spec = context.spec.instance_discrimination();
  const InstanceBankOptions options = BankOptionsOf(spec, context);
  auto module = std::make_shared<InstanceModule>(train.backbone->feature_size(), spec.embedding_size(),
                                                 context.dataset->size(), context.seed);
  module->to(train.device);
  return std::make_unique<InstanceDiscrimination>(options, train, std::move(module));
}

}  // namespace pretext
