#include "worker/tasks/moco.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/module.h>

#include <numeric>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/cpp/status_macros.h"
#include "proto/cpp/task_defaults.h"
#include "worker/augment/view_pipeline.h"
#include "worker/losses/info_nce.h"
#include "worker/models/normalize.h"
#include "worker/models/unit_rows.h"

namespace pretext {

// What a checkpoint holds.
class MocoModule : public torch::nn::Module {
 public:
  MocoModule(std::shared_ptr<ProjectionHead> head, std::shared_ptr<MomentumEncoder> key_encoder,
             std::shared_ptr<KeyQueue> queue)
      : head(register_module("head", std::move(head))),
        key_encoder(register_module("key_encoder", std::move(key_encoder))),
        queue(register_module("queue", std::move(queue))) {}

  std::shared_ptr<ProjectionHead> head;
  std::shared_ptr<MomentumEncoder> key_encoder;
  std::shared_ptr<KeyQueue> queue;
};

namespace {

// A stream no example's view uses.
constexpr uint32_t kKeyOrderView = 0xFFFF0000;

class MocoViewBuilder : public ViewBuilder {
 public:
  explicit MocoViewBuilder(const TaskContext& context)
      : pipeline_(context.spec.moco().augment(), context.image_size, context.dataset->channels()) {
    for (const char* name : {"query", "key"}) {
      layout_.push_back(
          {name, ElementType::kUint8, {context.image_size, context.image_size, context.dataset->channels()}});
    }
  }

  const BatchLayout& layout() const override { return layout_; }

  void Build(const Sample& sample, const RngKey& key, const ExampleSlot& slot) const override {
    for (int view = 0; view < 2; ++view) {
      RngKey view_key = key;
      view_key.view += view;
      Rng rng(view_key);
      pipeline_.Render(*sample.image, rng, slot.field<uint8_t>(view));
    }
  }

 private:
  ViewPipeline pipeline_;
  BatchLayout layout_;
};

std::shared_ptr<ProjectionHead> MakeHead(const MocoOptions& options, int features) {
  if (options.version == v1::MocoSpec::V1) {
    return std::make_shared<LinearHead>(features, options.embedding_size);
  }
  return std::make_shared<MlpHead>(features, features, options.embedding_size);
}

}  // namespace

std::vector<int64_t> KeyOrder(uint64_t seed, uint32_t stage, int64_t step, int32_t micro, int64_t count) {
  RngKey key;
  key.seed = seed;
  key.stage = stage;
  key.epoch = micro;
  key.sample = step;
  key.view = kKeyOrderView;
  return Rng(key).Permutation(count);
}

absl::StatusOr<std::unique_ptr<Moco>> Moco::Create(const MocoOptions& options, const TrainContext& train) {
  std::shared_ptr<ProjectionHead> head = MakeHead(options, train.backbone->feature_size());
  head->to(train.device);
  PRETEXT_ASSIGN_OR_RETURN(auto key_encoder, MomentumEncoder::Create(*train.backbone, *head));
  auto queue = std::make_shared<KeyQueue>(options.queue_length, options.embedding_size, options.seed);
  queue->to(train.device);
  auto module = std::make_shared<MocoModule>(std::move(head), std::move(key_encoder), std::move(queue));
  return std::unique_ptr<Moco>(new Moco(options, train, std::move(module)));
}

Moco::Moco(const MocoOptions& options, const TrainContext& train, std::shared_ptr<MocoModule> module)
    : options_(options),
      backbone_(train.backbone),
      process_group_(train.process_group),
      normalization_(NormalizationFor(backbone_->options().in_channels)),
      module_(std::move(module)) {}

Moco::~Moco() = default;

absl::StatusOr<TaskOutput> Moco::Loss(const Batch& batch) {
  if (batch.micro == 0) {
    waiting_keys_.clear();
    module_->key_encoder->Update(options_.momentum);
  }
  PRETEXT_ASSIGN_OR_RETURN(TaskOutput output, Compare(batch, batch.fields[0], batch.fields[1]));
  if (!options_.symmetric) return output;
  waiting_keys_.pop_back();
  PRETEXT_ASSIGN_OR_RETURN(const TaskOutput other, Compare(batch, batch.fields[1], batch.fields[0]));
  output.loss = (output.loss + other.loss) / 2;
  for (size_t i = 0; i < output.metrics.size(); ++i) {
    output.metrics[i].second = (output.metrics[i].second + other.metrics[i].second) / 2;
  }
  return output;
}

absl::StatusOr<TaskOutput> Moco::Compare(const Batch& batch, const at::Tensor& queries,
                                         const at::Tensor& key_pictures) {
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor keys, EncodeKeys(batch, key_pictures));
  waiting_keys_.push_back(keys);

  const Encoded encoded = EncodeQueries(queries);
  const int64_t size = encoded.queries.size(0);
  const InfoNceOutput compared =
      InfoNceWithMetrics(encoded.queries, keys.narrow(0, process_group_->rank() * size, size),
                         module_->queue->keys(), options_.temperature);
  TaskOutput output;
  output.predictions = compared.logits;
  output.features = encoded.features;
  output.loss = compared.loss;
  output.metrics = {{"accuracy", compared.accuracy},
                    {"positive_similarity", compared.positive_similarity},
                    {"negative_similarity", compared.negative_similarity}};
  return output;
}

absl::StatusOr<Answers> Moco::Answer(const Batch& batch) {
  const Encoded encoded = EncodeQueries(batch.fields[0]);
  return Answers{QueueLogits(encoded.queries, module_->queue->keys(), options_.temperature),
                 encoded.features};
}

Moco::Encoded Moco::EncodeQueries(const at::Tensor& pictures) {
  Encoded encoded;
  encoded.features = backbone_->Forward(NormalizeImages(pictures, normalization_.mean, normalization_.std));
  encoded.queries = UnitRows(module_->head->Forward(encoded.features));
  return encoded;
}

absl::StatusOr<at::Tensor> Moco::EncodeKeys(const Batch& batch, const at::Tensor& pictures) {
  at::NoGradGuard no_grad;
  // Whoever set the backbone's groups after this task was made meant the keys too.
  module_->key_encoder->backbone().SetBatchNormGroups(backbone_->options().bn_groups);
  const int64_t size = pictures.size(0);
  const int64_t total = size * process_group_->world_size();
  std::vector<int64_t> order(total);
  if (options_.shuffle_batch_norm) {
    order = KeyOrder(options_.seed, options_.stage, batch.step, batch.micro, total);
  } else {
    std::iota(order.begin(), order.end(), 0);
  }
  const at::Tensor positions = at::tensor(order, at::kLong).to(pictures.device());

  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor all, process_group_->AllGather(pictures.contiguous()));
  const at::Tensor own = all.index_select(0, positions.narrow(0, process_group_->rank() * size, size));
  const at::Tensor encoded =
      UnitRows(module_->key_encoder->Forward(NormalizeImages(own, normalization_.mean, normalization_.std)));
  PRETEXT_ASSIGN_OR_RETURN(const at::Tensor shuffled, process_group_->AllGather(encoded));
  at::Tensor keys = at::empty_like(shuffled);
  keys.index_copy_(0, positions, shuffled);
  return keys;
}

void Moco::AfterOptimizerStep(const Step& step) {
  for (const at::Tensor& keys : waiting_keys_) module_->queue->Enqueue(keys);
  waiting_keys_.clear();
}

torch::nn::Module& Moco::module() { return *module_; }

double Moco::chance_loss() const { return InfoNceChanceLoss(options_.queue_length); }

absl::StatusOr<std::vector<ResolvedField>> ResolveMoco(const TaskSizes& sizes, v1::TaskSpec* spec) {
  std::vector<ResolvedField> fields;
  v1::MocoSpec* moco = spec->mutable_moco();
  if (!moco->has_queue_length()) {
    PRETEXT_ASSIGN_OR_RETURN(const int32_t length,
                             ResolveQueueLength(*moco, sizes.pictures, sizes.micro_batch_size));
    moco->set_queue_length(length);
    fields.push_back({"queue_length", absl::StrCat("from the data: ", sizes.pictures, " pictures")});
  }
  if (!moco->has_momentum()) {
    moco->set_momentum(ResolveMocoMomentum(*moco, sizes.steps));
    fields.push_back({"momentum", absl::StrCat("from the length: ", sizes.steps, " steps")});
  }
  if (!moco->augment().has_blur_probability()) {
    fields.push_back(
        {"augment.blur_probability", absl::StrCat("from image_size: ", sizes.image_size, " pixels")});
  }
  *moco->mutable_augment() = ResolveAugment(*spec, sizes.image_size);
  return fields;
}

absl::Status CheckMoco(const TaskContext& context) {
  return ResolveQueueLength(context.spec.moco(), context.dataset->size(), context.micro_batch_size).status();
}

absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeMocoViewBuilder(const TaskContext& context) {
  return std::make_unique<MocoViewBuilder>(context);
}

absl::StatusOr<std::unique_ptr<PretextTask>> MakeMoco(const TaskContext& context, const TrainContext& train) {
  const v1::MocoSpec& spec = context.spec.moco();
  MocoOptions options;
  options.version = spec.version();
  options.queue_length = spec.queue_length();
  options.momentum = spec.momentum();
  options.temperature = spec.temperature();
  options.embedding_size = spec.embedding_size();
  options.symmetric = spec.symmetric();
  options.seed = context.seed;
  options.stage = context.stage;
  return Moco::Create(options, train);
}

}  // namespace pretext
