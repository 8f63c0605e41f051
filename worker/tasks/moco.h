#ifndef PRETEXT_WORKER_TASKS_MOCO_H_
#define PRETEXT_WORKER_TASKS_MOCO_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/models/heads.h"
#include "worker/models/key_queue.h"
#include "worker/models/momentum_encoder.h"
#include "worker/tasks/normalization.h"
#include "worker/tasks/pretext_task.h"
#include "worker/tasks/resolved_field.h"
#include "worker/tasks/task_context.h"
#include "worker/tasks/view_builder.h"

namespace pretext {

// Momentum contrast (He et al. 2020; v2: Chen et al. 2020): tell a picture's second view from a queue of
// other pictures' views. Fields: "query" and "key", uint8 (side, side, channels), two views drawn alike.
// Left open until the data are seen: the queue's length, the key encoder's momentum, the views' blur.
// INVALID_ARGUMENT: the data set is no larger than a micro-batch.
absl::StatusOr<std::vector<ResolvedField>> ResolveMoco(const TaskSizes& sizes, v1::TaskSpec* spec);
// INVALID_ARGUMENT: the queue is no multiple of the micro-batch (the pictures that all ranks together forward
// at once), or not smaller than the data set.
absl::Status CheckMoco(const TaskContext& context);
absl::StatusOr<std::unique_ptr<ViewBuilder>> MakeMocoViewBuilder(const TaskContext& context);
absl::StatusOr<std::unique_ptr<PretextTask>> MakeMoco(const TaskContext& context, const TrainContext& train);

struct MocoOptions {
  v1::MocoSpec::Version version = v1::MocoSpec::V2;
  int64_t queue_length = 0;
  double momentum = 0.999;
  double temperature = 0.2;
  int embedding_size = 128;
  bool symmetric = false;
  uint64_t seed = 0;
  uint32_t stage = 0;
  // Off only to show what shuffling is for.
  bool shuffle_batch_norm = true;
};

class MocoModule;

// The training side. A step is: the momentum encoder moves (once, before the step's first keys), every
// micro-batch is compared with the queue as it was, and after the optimizer's step the keys of all
// micro-batches and ranks enter the queue.
//
// Shuffled batch-norm: keys are encoded in an order of the micro-batch drawn from (seed, stage, step,
// micro), the same on all ranks, so that a query and its key share no batch statistics. Each rank encodes its
// slice of that order; one rank with G batch-norm groups therefore computes what G ranks with one group do.
// With one group over the whole micro-batch shuffling can change nothing, and statistics leak.
//
// Symmetric: each view is the query once and the key once, against the same queue; loss and metrics are the
// mean of both comparisons. The keys of the first views (field "query") alone enter the queue, so that it
// reaches as far back as without.
//
// Metrics: accuracy (share of queries nearest to their own key), positive_similarity, negative_similarity.
// Features: (B, D), of the query views. Predictions: (B, queue_length) logits, a query's similarities with
// the queue over the temperature; keys are not needed for them. State in module(): head, key encoder, queue.
class Moco : public PretextTask {
 public:
  // `train.process_group` is not owned and outlives the task.
  static absl::StatusOr<std::unique_ptr<Moco>> Create(const MocoOptions& options, const TrainContext& train);
  ~Moco() override;

  // Not repeatable: of a step's micro-batch 0 it moves the momentum encoder.
  absl::StatusOr<TaskOutput> Loss(const Batch& batch) override;
  absl::StatusOr<Answers> Answer(const Batch& batch) override;
  PredictionKind predicts() const override { return PredictionKind::kLogits; }
  void AfterOptimizerStep(const Step& step) override;
  torch::nn::Module& module() override;
  double chance_loss() const override;  // ln(1 + queue_length)

 private:
  Moco(const MocoOptions& options, const TrainContext& train, std::shared_ptr<MocoModule> module);

  struct Encoded {
    at::Tensor features;  // (B, D) of the backbone
    at::Tensor queries;   // (B, embedding_size), unit rows
  };
  Encoded EncodeQueries(const at::Tensor& pictures);

  // One comparison: views of this rank (B, S, S, C) with the keys of the others of the same pictures, which
  // wait for the queue.
  absl::StatusOr<TaskOutput> Compare(const Batch& batch, const at::Tensor& queries,
                                     const at::Tensor& key_pictures);

  // pictures (B, S, S, C) of this rank -> unit keys of all ranks (B * world size, D), in the global order.
  absl::StatusOr<at::Tensor> EncodeKeys(const Batch& batch, const at::Tensor& pictures);

  MocoOptions options_;
  Backbone backbone_;
  ProcessGroup* process_group_;
  Normalization normalization_;
  std::shared_ptr<MocoModule> module_;
  std::vector<at::Tensor> waiting_keys_;  // of the step under way, one tensor a micro-batch
};

// The order in which keys of one micro-batch are encoded: position i holds example order[i].
std::vector<int64_t> KeyOrder(uint64_t seed, uint32_t stage, int64_t step, int32_t micro, int64_t count);

}  // namespace pretext

#endif  // PRETEXT_WORKER_TASKS_MOCO_H_
